"""Corpora and batches of examples, in numpy. Nothing here imports jax.

`avjax.data.builders` builds corpora, `avjax.data.loader` reads them, and
`avjax.data.examples` turns their records into examples.
"""

if __name__ != "avjax.data":
    raise ImportError("install avjax with `pip install -e .`, then import avjax.data")
