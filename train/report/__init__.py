"""Reports of training runs: HTML files that need neither a server nor a network."""

from avjax.train.report.page import compare_page, report_page
from avjax.train.report.run_log import Curve, RunLog, read_run

__all__ = ["Curve", "RunLog", "compare_page", "read_run", "report_page"]
