"""Text of `mlenv profiles`."""

from __future__ import annotations

from collections.abc import Iterator

from mlenv.cli.commands.profiles import Choice, Difference, Listing, Record, Shown
from mlenv.cli.render.style import bold, dim, green, red, yellow
from mlenv.machine.host import Host


def lines(record: Record) -> Iterator[str]:
    """The list, one profile, two compared, or the choice for this machine."""
    match record:
        case Listing():
            yield from _list(record)
        case Shown():
            yield from _show(record)
            yield dim(f"`mlenv install {record.name} --dry-run` shows what it would fetch here.")
        case Difference():
            yield from _diff(record)
            names = " or ".join(f"`mlenv install {name}`" for name in record.profiles)
            yield dim(f"{names} builds one of them; `mlenv profiles why` says which fits here.")
        case Choice():
            yield from _why(record)


def _machine(machine: Host) -> str:
    parts = [machine.platform]
    parts += [f"glibc {machine.glibc}"] if machine.glibc else []
    parts += [f"driver {machine.driver}"] if machine.driver else [_no_driver(machine)]
    parts += [f"{name} ({capability})" for name, capability in machine.gpus]
    return ", ".join(parts)


def _no_driver(machine: Host) -> str:
    return "an NVIDIA device without a driver" if machine.device else "no NVIDIA device"


def _list(listing: Listing) -> Iterator[str]:
    yield f"{bold('this machine:')} {_machine(listing.machine)}"
    for row in listing.profiles:
        mark = green("can run   ") if row.runs else red("can't run ")
        yield f"{mark} {bold(row.name.ljust(8))} {row.purpose}"
        for reason in row.against:
            yield f"                    {yellow(reason)}"
    yield dim("`mlenv profiles why` says which one `mlenv install auto` chooses.")


def _why(choice: Choice) -> Iterator[str]:
    yield f"{bold('this machine:')} {_machine(choice.machine)}"
    for item in choice.passed_over:
        yield f"{yellow('not chosen')}  {bold(item.profile)}: {item.reason}"
    yield f"{green('chosen')}      {bold(choice.profile)}: {choice.why}"
    yield dim(
        f"`mlenv install {choice.profile}` builds it; add --dry-run to see what that fetches."
    )


def _show(shown: Shown) -> Iterator[str]:
    yield f"{bold(shown.name)}: {shown.purpose}"
    needs = shown.needs
    yield bold("needs")
    for label, value in (
        ("platform", ", ".join(shown.platforms)),
        ("Python", shown.python),
        ("CUDA", needs.cuda),
        ("driver", needs.driver),
        ("glibc", needs.glibc),
        ("GPUs", _gpus(needs.gpu)),
        ("download", f"{needs.download_mb / 1000:.1f} GB"),
        ("disk", f"{needs.disk_mb / 1000:.1f} GB"),
    ):
        if value:
            yield f"  {label:<9} {value}"
    yield bold("holds") + dim(f"  ({len(shown.pins)} packages, as of {shown.resolved_as_of})")
    for text in shown.requires:
        yield f"  {text}"
    for index in shown.indexes:
        yield f"  {', '.join(index.packages)} from {index.url} alone"
    family = shown.family
    if family.packages:
        tag = f", each as +{family.local}" if family.local else ""
        yield f"{bold('together')} from one index{tag}: {', '.join(family.packages)}"
    if shown.overrides or shown.excludes:
        yield bold("against the requirements of packages")
    for override in shown.overrides:
        yield f"  {override.requirement}: {override.why}"
    for exclusion in shown.excludes:
        yield f"  without {exclusion.package}: {exclusion.why}"
    if shown.builds:
        yield bold("built from source")
    for build in shown.builds:
        yield f"  {build.package}: {build.why}"


def _gpus(codes: tuple[str, ...]) -> str:
    """Compute capabilities that the builds carry code for."""
    if not codes:
        return ""
    newer = ", newer ones by PTX" if codes[-1].endswith("+PTX") else ""
    return f"compute capability {', '.join(code.removesuffix('+PTX') for code in codes)}{newer}"


def _diff(difference: Difference) -> Iterator[str]:
    one, other = difference.profiles
    for key, (before, after) in difference.needs.items():
        yield f"{yellow('~')} {key}: {_text(before)} -> {_text(after)}"
    for name, (old, new) in difference.versions.items():
        yield f"{yellow('~')} {name} {_text(old)} -> {_text(new)}"
    for sign, colour, side, name in (("-", red, 0, one), ("+", green, 1, other)):
        for package, versions in difference.only[side].items():
            yield f"{colour(sign)} {package} {_text(versions)} {dim(f'only in {name}')}"


def _text(value: object) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)
