"""Options of Whisper, whisper-ctranslate2, whisperX and insanely-fast-whisper that mlenv lacks.

Those that it has under another name are in `option_table`. Names are written with hyphens;
tests/data/other_tools.toml has all.
"""

from __future__ import annotations

SECRET = ("--hf-token", "--token", "--use-auth-token")

# Options that ask for what is done anyway.
ANYWAY = ("--no-align",)

OFF = "off"  # the value None of their thresholds

_ALIGN = "Leave it out: word times are Whisper's own, with no second model (--word-timestamps)."
_LIVE = "Record first, then name the file or pipe the recording into `-`."
_CAPTIONS = "Cut captions with --captions, --max-line-width or --max-words-per-line."

# Not here: what to do instead. With the value False they ask for nothing and are passed over.
REFUSED = {
    "--model-dir": "Name a model's folder with --model. MLENV_CACHE_DIR is where models are kept.",
    "--print-colors": "Each word's probability is in --format json with --word-timestamps.",
    "--log-level": "Use --quiet for no notes, --progress for progress.",
    "--carry-initial-prompt": "Use --hotwords: they go with every window.",
    "--align-model": _ALIGN,
    "--interpolate-method": _ALIGN,
    "--return-char-alignments": "Times are per word, not per character: use --word-timestamps.",
    "--segment-resolution": _CAPTIONS,
    "--suppress-numerals": "Leave it out: it helps whisperX's alignment, and none is done here. "
    "--suppress-tokens takes numbers of tokens.",
    "--speaker-embeddings": "Leave it out: the json has speakers and turns, no embeddings.",
    "--speaker-name": "Name the speakers with --speaker-names A,B.",
    "--live-transcribe": _LIVE,
    "--live-volume-threshold": _LIVE,
    "--live-input-device": _LIVE,
    "--live-input-device-sample-rate": _LIVE,
    "--version": "Use `mlenv --version --verbose`: it has the libraries too.",
    "-V": "Use `mlenv --version --verbose`: it has the libraries too.",
    "--python-version": "Use `mlenv exec python --version`.",
    "-P": "Use `mlenv exec python --version`.",
    "--device-id": "Use --device cuda with --device-index N, or --device cpu.",
    "--transcript-path": "Use --format json with --output-dir DIR, or `--format json > FILE`.",
    "--flash": "Leave it out: CTranslate2 brings its own kernels. --batched is what is fast.",
    "--timestamp": "Leave it out, or use --word-timestamps: segments have times anyway.",
}

# Codes and names as in OpenAI's Whisper (whisper/tokenizer.py, MIT licence), other names behind.
_LANGUAGES = """
af Afrikaans; am Amharic; ar Arabic; as Assamese; az Azerbaijani; ba Bashkir; be Belarusian;
bg Bulgarian; bn Bengali; bo Tibetan; br Breton; bs Bosnian; ca Catalan, Valencian; cs Czech;
cy Welsh; da Danish; de German; el Greek; en English; es Spanish, Castilian; et Estonian;
eu Basque; fa Persian; fi Finnish; fo Faroese; fr French; gl Galician; gu Gujarati; ha Hausa;
haw Hawaiian; he Hebrew; hi Hindi; hr Croatian; ht Haitian Creole, Haitian; hu Hungarian;
hy Armenian; id Indonesian; is Icelandic; it Italian; ja Japanese; jw Javanese; ka Georgian;
kk Kazakh; km Khmer; kn Kannada; ko Korean; la Latin; lb Luxembourgish, Letzeburgesch; ln Lingala;
lo Lao; lt Lithuanian; lv Latvian; mg Malagasy; mi Maori; mk Macedonian; ml Malayalam; mn Mongolian;
mr Marathi; ms Malay; mt Maltese; my Myanmar, Burmese; ne Nepali; nl Dutch, Flemish; nn Nynorsk;
no Norwegian; oc Occitan; pa Punjabi, Panjabi; pl Polish; ps Pashto, Pushto; pt Portuguese;
ro Romanian, Moldavian, Moldovan; ru Russian; sa Sanskrit; sd Sindhi; si Sinhala, Sinhalese;
sk Slovak; sl Slovenian; sn Shona; so Somali; sq Albanian; sr Serbian; su Sundanese; sv Swedish;
sw Swahili; ta Tamil; te Telugu; tg Tajik; th Thai; tk Turkmen; tl Tagalog; tr Turkish; tt Tatar;
uk Ukrainian; ur Urdu; uz Uzbek; vi Vietnamese; yi Yiddish; yo Yoruba; yue Cantonese;
zh Chinese, Mandarin
"""


def languages() -> dict[str, list[str]]:
    """Whisper's codes of languages, each with its English names."""
    entries = (entry.split(maxsplit=1) for entry in _LANGUAGES.split(";"))
    return {code: [each.strip() for each in names.split(",")] for code, names in entries}


def language_code(name: str) -> str | None:
    """`de` for `de` and for `German`, in any case; None where Whisper knows no such language."""
    for code, names in languages().items():
        if name.lower() in (code, *map(str.lower, names)):
            return code
    return None
