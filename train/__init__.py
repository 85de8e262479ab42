"""Time: steps, devices, checkpoints."""

if __name__ != "avjax.train":
    raise ImportError("run pip install -e . once, then import avjax.train")
