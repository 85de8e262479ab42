"""Files: corpora, loaders and batches in numpy; no array operation of jax."""

if __name__ != "avjax.data":
    raise ImportError("run pip install -e . once, then import avjax.data")
