"""Parts of `avjax.pipelines.align`, for corpora."""
