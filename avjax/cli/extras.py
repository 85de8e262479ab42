"""Extras of the installation: packages that some functions need (`avjax[metrics]`)."""

import re

DEVELOPER_EXTRAS = {"test", "browser", "docs", "types", "dev"}


def find_extras() -> dict[str, str]:
    """Return whether the packages of each extra of avjax are installed.

    Returns:
        {extra: "installed", or "not installed" with the packages that are missing}.
    """
    import importlib.metadata

    extras = importlib.metadata.metadata("avjax").get_all("Provides-Extra") or ()
    missing = {
        extra: find_missing("avjax", extra)
        for extra in sorted(set(extras) - DEVELOPER_EXTRAS)
    }
    return {
        extra: f"not installed ({' '.join(names)})" if names else "installed"
        for extra, names in missing.items()
    }


def find_missing(package: str, extra: str) -> list[str]:
    """Find the packages of an extra that are not installed.

    Args:
        package: Name of an installed package.
        extra: Name of an extra; an unknown one has no packages.

    Returns:
        Their names, also those that the extra of another package needs (`jax[tpu]`).
    """
    import importlib.metadata

    missing = []
    for requirement in importlib.metadata.requires(package) or ():
        needed = re.match(r"([\w.-]+)\s*(?:\[([^]]*)\])?", requirement)
        if needed is None or not re.search(rf"extra == ['\"]{extra}['\"]", requirement):
            continue
        name, inner = needed.groups(default="")
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
        else:
            for one in filter(None, re.split(r"[\s,]+", inner)):
                missing += find_missing(name, one)
    return missing
