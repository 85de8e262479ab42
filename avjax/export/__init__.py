"""Export systems as files that run without avjax: StableHLO programs or arrays."""

from avjax.export.signatures import ArraySpec, ExportedFunction, ExportReport
from avjax.export.write import export

__all__ = ["ArraySpec", "ExportReport", "ExportedFunction", "export"]
