"""What is a secret by its form or its place, and what only looks like one."""

import pytest

from mlenv.result import redacted


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("http://anna:pw@proxy:3128/x", "http://***@proxy:3128/x"),
        ("http://an%40na:p@ss:w@proxy", "http://***@proxy"),
        ("at https://token@index/simple, and", "at https://***@index/simple, and"),
        ("https://s3/x?sig=a&id=b refused", "https://s3/x?*** refused"),
        (f"a token hf_{'a' * 34}.", "a token ***."),
        ("Authorization: Bearer abc.d-e", "Authorization: Bearer ***"),
        ("HF_TOKEN=abc python x.py", "HF_TOKEN=*** python x.py"),
    ],
)
def test_secrets(text: str, rest: str) -> None:
    assert redacted(text) == rest


@pytest.mark.parametrize(
    "text",
    [
        "torch @ https://download.example/torch.whl",
        "git+https://host/user/repo@main",
        "hf_hub_download(repo_id='x') got max_new_tokens=448",
        "what is it? a=b",
        "Basic checks passed; Bearer",
    ],
)
def test_what_is_none(text: str) -> None:
    assert redacted(text) == text
