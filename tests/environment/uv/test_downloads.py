"""What a download says of itself while uv is at it."""

from __future__ import annotations

from mlenv.environment.uv.downloads import Downloads

# What uv 0.13 said of an installation with an empty cache: a small file has no line of its own.
SAID = """\
Resolved 3 packages in 201ms
Downloading scipy (35.9MiB)
Downloading numpy (16.0MiB)
 Downloaded numpy
 Downloaded scipy
Prepared 3 packages in 1.43s
Installed 3 packages in 20ms
 + jinja2==3.1.6
 + numpy==2.2.6
 + scipy==1.15.3
"""


def test_sizes_and_what_is_still_on_its_way() -> None:
    heard: list[str] = []
    downloads = Downloads(heard.append)
    for line in SAID.splitlines():
        downloads.line(line)
    assert heard == [
        "0.00 of 0.04 GiB downloaded, now scipy",
        "0.00 of 0.05 GiB downloaded, now numpy, scipy",
        "0.02 of 0.05 GiB downloaded, now scipy",
        "0.05 of 0.05 GiB downloaded",
    ]
