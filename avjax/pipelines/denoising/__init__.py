"""Parts of `avjax.pipelines.denoise`."""
