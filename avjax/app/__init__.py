"""The web page of `avjax app`; only that command imports this package.

`server` starts everything and removes every file at the end. `page` is the only module
that knows Gradio's components. `jobs` runs one job at a time, `work` does it.
"""
