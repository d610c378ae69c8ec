"""The expressions by which versions, GPUs, platforms and programs are read from a log.

All are for lower-cased text.
"""

from __future__ import annotations

_V = r"v?(\d+(?:\.\d+){1,3})"

# name: expressions whose first group is the value; the first that matches counts.
VALUES: dict[str, tuple[str, ...]] = {
    "driver": (
        r"driver version {0,10}:?[ |]{0,6}(\d{3}\.\d+(?:\.\d+)?)",
        r"nvidia-smi {1,4}(\d{3}\.\d+(?:\.\d+)?)",
        r"nvidia[ -]driver[ -](?:version )?(\d{3}(?:\.\d+)*)",
        r"\bdriver (\d{3}\.\d+(?:\.\d+)?)",
    ),
    "driver_cuda": (
        r"found version (\d{4,5})\b",
        r"cuda(?: umd)? version:? {0,4}(\d+\.\d+) *\|",
        r"driver version.{0,60}cuda version {0,10}: {0,4}(\d+\.\d+)",
        r"\bcuda version {2,10}: (\d+\.\d+)",
    ),
    "torch": (
        r"pytorch version \((\d+\.\d+\.\d+)",
        r"\btorch(?: |==|-| version:? | v)\(?" + _V,
        r"`torch` \(v" + _V,
        r"yours is (\d+\.\d+\.\d+)\+cu",
        r"pytorch(?: version:?|==| ) {0,2}" + _V,
        r"you have torch " + _V,
    ),
    "torch_cuda": (
        r"torch[=-]{1,2}\d+\.\d+\.\d+\+cu(\d{2,3})",
        r"pytorch version \(\d+\.\d+\.\d+\+cu(\d{2,3})",
        r"whl/cu(\d{2,3})",
        r"yours is \d+\.\d+\.\d+\+cu(\d{2,3})",
    ),
    "python": (
        r"\bpython version: (3\.\d{1,2})",
        r"\bcpython (3\.\d{1,2})",
        r"\bpython[ -]?v?(3\.\d{1,2})(?:\.\d+)?",
        r"\bcp(3\d{1,2})\b",
        r"\bpy(3\.\d{1,2})\b",
        r"\\python(3\d{1,2})\\",
    ),
    "ctranslate2": (
        r"\bctranslate2(?: |==|-| version:? |[^\n]{0,40}\.so\.)" + _V,
        r"libctranslate2[\w-]*\.so\.(\d+\.\d+\.\d+)",
    ),
    "torchcodec": (r"\btorchcodec(?: |==|-| version:? )\(?" + _V,),
    "pyannote": (r"pyannote[.-]audio(?: |==|-)\(?" + _V,),
    "capability": (
        r"with cuda capability sm_(\d{2,3})\b",
        r"(?:cuda|compute) capability:? (?:of |is )?(?:sm_)?(\d{1,2}\.\d)",
        r"is (?:of )?cuda capability (\d{1,2}\.\d)",
        r"\bcapability \((\d{1,2}, ?\d)\)",
    ),
    "glibc": (r"manylinux_(2_\d\d)_\w+`\), but",),
    "model_version": (r"binary version v(\d+)\. this usually", r"has binary version v(\d+)"),
}

# Compute capability by GPU name, where the log names no number.
GPUS = (
    (r"rtx 50[5-9]0|rtx pro [2-6]\d00(?! ada)|gb20\d", "12.0"),
    (r"\bb[123]00\b|gb[23]00", "10.0"),
    (r"\bh[12]00\b|\bgh200\b", "9.0"),
    (r"rtx 40[5-9]0|\bl40s?\b|rtx [4-6]000 ada|\bl4\b", "8.9"),
    (r"rtx 30[5-9]0|rtx a[2-6]\d{3}|\ba10g?\b|\ba40\b", "8.6"),
    (r"\ba100\b", "8.0"),
    (r"rtx 20[5-8]0|gtx 16[3-6]0|tesla t4\b|quadro rtx", "7.5"),
    (r"\bv100\b|titan v\b", "7.0"),
    (r"gtx 10[1-8]0|\bp40\b|\bp4\b|quadro p\d{3,4}|titan xp?\b|\bmx1[35]0\b|gt 1030", "6.1"),
    (r"\bp100\b", "6.0"),
    (r"gtx 9[5-8]0|gtx titan x|tesla m[46]0\b|quadro m\d000", "5.2"),
    (r"gtx 7[45]0 ?(?:ti)?\b|quadro k\d{3,4}m?\b|\bk[48]0\b", "3.7"),
)

# name: any of these words in the log makes it true.
SIGNS: dict[str, tuple[str, ...]] = {
    "windows": (
        r"[a-z]:\\\w",
        r"winerror",
        r"win_amd64",
        r"\w\.dll\b",
        r"\bwindows (?:10|11|server)\b",
        r"\\appdata\\",
        r"(?:^|\n)ps [a-z]:\\",
    ),
    "macos": (
        r"\bmacosx?_",
        r"/users/\w",
        r"\.dylib\b",
        r"\bmacos\b",
        r"/opt/homebrew",
        r"\bdarwin\b",
    ),
    "wsl": (r"\bwsl2?\b", r"microsoft-standard", r"/usr/lib/wsl", r"/mnt/[c-e]/"),
    "container": (
        r"(?<![a-z])docker(?![a-z])",
        r"docker-?compose",
        r"\bcontainer(?:s|d|ized)?\b",
        r"\bpodman\b",
        r"\bkube\w+\b",
        r"\bk8s\b",
        r"\bpods?\b",
        r"(?:^|\n)[\w.-]{2,40}[-_]\d{1,2} {1,20}\| ",
        r"root@[0-9a-f]{12}\b",
        r"(?:^|\n)#\d{1,3} (?:\[|\d+\.\d+ )",
        r"\bapptainer\b|\bsingularity\b",
        r"(?:\"|')/app/|(?: |\n)/app/\w",
    ),
    "image_build": (
        r"(?:^|\n)step \d+/\d+ ?:",
        r"(?:^|\n)#\d{1,3} (?:\[|\d+\.\d+ )",
        r"docker(?: buildx)? build",
        r"failed to solve: process",
        r"dockerfile:\d+",
        r"\brun /bin/sh -c\b|/bin/sh -c .{0,200} returned a non-zero",
    ),
    "kubernetes": (r"\bkube\w+\b", r"\bk8s\b", r"\bpods?\b"),
    "podman": (r"\bpodman\b",),
    "colab": (r"\bcolab\b", r"/content/\w"),
    "conda": (r"conda",),
    "uv": (r"\buv(?:\.exe)? (?:pip|sync|add|run|lock|tool)\b", r"no solution found when resolving"),
    "gpu_listed": (r"\bnvidia-smi \d", r"gpu \d: (?:nvidia|tesla|geforce)"),
    "no_gpu_said": (
        r"nvidia-smi:? (?:command )?not found",
        r"'nvidia-smi' is not recognized",
        r"no nvidia gpu",
        r"no gpus? (?:was |were )?(?:found|detected)",
        r"cpu[- ]only",
        r"nvidia-smi has failed",
        r"without (?:a |an )?(?:nvidia )?gpu",
        r"\bno devices were found",
        r"intel\(?r?\)? (?:iris|uhd|hd graphics|arc)|\bradeon\b",
        r"found no nvidia",
    ),
    "suspended": (r"\bsuspend", r"\bresum(?:e|ed|ing)\b.{0,40}\bsleep|\bwoke|\bhibernat"),
    "visible_devices_set": (
        r"cuda_visible_devices['\"\]]{0,2} {0,2}[=:] ?['\"]?[\d-]",
        r"cuda_visible_devices['\"\]]{0,2} {0,2}[=:] ?(?:''|\"\"|\n|$)",
        r"nvidia_visible_devices=(?:none|void)",
    ),
    "nvidia_smi_works": (r"nvidia-smi {1,4}\d{3}\.",),
    "traceback": (r"traceback \(most recent call last\)",),
    "torch_import": (
        r"from torch\._c import",
        r"_load_global_deps",
        r"_preload_cuda_deps",
        r"_load_dll_libraries",
        r"[/\\]torch[/\\]__init__\.py",
    ),
    "companion_import": (r"torch(?:audio|vision)[/\\]_extension", r"_torchaudio\b"),
    "torchaudio_import": (r"torchaudio[/\\]_extension", r"_load_lib\(.?libtorchaudio"),
    "torchvision_import": (r"torchvision[/\\](?:extension|_meta_registrations)",),
    "onnxruntime": (r"onnxruntime",),
    "ctranslate2_said": (r"ctranslate2",),
    "whisper_said": (r"whisper",),
    "diarization_said": (r"pyannote|diari[sz]",),
    "hub_said": (r"hugging ?face|hf_hub|\bhf\.co\b|hf-mirror",),
    "pytorch_index": (
        r"(?:looking in indexes|index-url|--index)[^\n]{0,200}download\.pytorch\.org",
    ),
    "pytorch_index_source": (r"registry\+https://download\.pytorch\.org",),
    "torchcodec_said": (r"torchcodec",),
    "torchcodec_absent": (r"no module named '?torchcodec",),
    "torchcodec_load": (r"libtorchcodec|torchcodec[/\\]",),
    "torchcodec_symbol": (r"libtorchcodec_\w+\.(?:so|dylib): undefined symbol",),
    "torchcodec_cuda": (r"libnpp\w*\.so|libnvrtc\.so|libcudart\.so",),
    "frozen": (
        r"[/\\]_mei\w{4,}",
        r"[/\\]_internal[/\\]",
        r"\bpyi-\d+",
        r"pyinstaller|nuitka|py2app|cx_freeze",
        r"failed to execute script",
        r"/tmp/\.mount_",
    ),
    # A frame of a module below the working directory: frozen programs name their files so.
    "relative_frames": (
        r"file \"(?![a-z]:|[/\\~<.])[^\"\n]+[/\\][^\"\n]+\.py\", line \d+, in (?!<)",
    ),
    "killed_line": (r"(?:^|\n)[^\n]{0,60}\bkilled[ \t\r]*(?:\n|$)",),
    "memory_error": (r"(?:^|\n)(?![^\n]*\bexcept\b)[^\n]{0,80}\bmemoryerror\b",),
    "bus_error": (r"\bbus error\b",),
    "mig_said": (
        r"\bmig-(?:gpu-)?[0-9a-f]{8}",
        r"\bmig[ -]\d+g\.\d+gb",
        r"\bmig (?:mode|devices?|instances?|slices?)\b",
    ),
    "framework_python": (r"/library/frameworks/python\.framework|/applications/python 3",),
    "hub_401": (r"\b401\b",),
}

# torch: the torchvision and the torchcodec built for it.
PAIRS = {
    "2.3": ("0.18", ""),
    "2.4": ("0.19", "0.0"),
    "2.5": ("0.20", "0.1"),
    "2.6": ("0.21", "0.2"),
    "2.7": ("0.22", "0.5"),
    "2.8": ("0.23", "0.7"),
    "2.9": ("0.24", "0.9"),
    "2.10": ("0.25", "0.10"),
    "2.11": ("0.26", "0.12"),
}
