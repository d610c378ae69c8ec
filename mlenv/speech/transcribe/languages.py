"""Codes of languages as files carry them: ISO 639-1, and both kinds of ISO 639-2."""

from __future__ import annotations

from mlenv.speech.transcribe.compat import language_code

# For each language of Whisper's its codes in ISO 639-2; `jv` is what ISO 639-1 calls Whisper's jw.
_CODES = """
af afr; am amh; ar ara; as asm; az aze; ba bak; be bel; bg bul; bn ben; bo tib bod; br bre; bs bos;
ca cat; cs cze ces; cy wel cym; da dan; de ger deu; el gre ell; en eng; es spa; et est; eu baq eus;
fa per fas; fi fin; fo fao; fr fre fra; gl glg; gu guj; ha hau; haw; he heb; hi hin; hr hrv; ht hat;
hu hun; hy arm hye; id ind; is ice isl; it ita; ja jpn; jw jv jav; ka geo kat; kk kaz; km khm;
kn kan; ko kor; la lat; lb ltz; ln lin; lo lao; lt lit; lv lav; mg mlg; mi mao mri; mk mac mkd;
ml mal; mn mon; mr mar; ms may msa; mt mlt; my bur mya; ne nep; nl dut nld; nn nno; no nor nob nb;
oc oci; pa pan; pl pol; ps pus; pt por; ro rum ron; ru rus; sa san; sd snd; si sin; sk slo slk;
sl slv; sn sna; so som; sq alb sqi; sr srp; su sun; sv swe; sw swa; ta tam; te tel; tg tgk; th tha;
tk tuk; tl tgl; tr tur; tt tat; uk ukr; ur urd; uz uzb; vi vie; yi yid; yo yor; yue; zh chi zho
"""


def codes_of(name: str) -> tuple[str, ...]:
    """All codes of a language by one of them or its English name.

    Any other word of two or three letters stands for itself: files know more than Whisper.
    """
    word = language_code(name) or name.lower()
    for entry in _CODES.split(";"):
        codes = tuple(entry.split())
        if word in codes:
            return codes
    return (word,) if len(word) in (2, 3) and word.isascii() and word.isalpha() else ()
