"""Writes golden cases for the Rust tokenizer with the reference one (needs `pip install tokenizers`).

    python golden_wordpiece.py ../../crates/embedding/assets/minilm-vocab.txt \
        > ../../crates/embedding/tests/data/wordpiece_golden.json

Each case is `{"text": ..., "pieces": [numbers]}`, without [CLS] and [SEP].
"""

import json
import sys

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

TEXTS = [
    "",
    " \t\r\n\u00a0\u2003 ",
    "The deploy failed twice on Tuesday; Priya rolled it back.",
    "She doesn't like e-mail, but she'll answer on Mastodon.",
    "unaffable tokenization embeddings pneumonoultramicroscopicsilicovolcanoconiosis",
    "v1.2.3-rc.4+build.5 costs $3,400.50 (≈ €3.100) @ 95% ^_^ ~/.config `x` <y> | z",
    "Café Zoë naïve coöperate Ångström São Tomé façade",
    "Cafe\u0301 Zoe\u0308 a\u0300\u0323b A\u030a",
    "ÀÉÎÕÜ ÇÑ Ÿ ß ẞ ŒUVRE Æsir ĲSSEL ŁÓDŹ ǅ",
    "İstanbul'da ılık KIZILIRMAK",
    "Dvořák, Škvorecký a Žižka; Nguyễn Thị Ánh; Þór og Ólafía",
    "東京タワーは高い。京都へ行く",
    "我今天在上海吃了小笼包，很好吃！",
    "漢字kanjiかなカナ㐀𠀀豈",
    "서울에서 만나요 한국어",
    "Привет, как дела? Ёжик и йод",
    "Γειά σου Κόσμε ΟΔΥΣΣΕΥΣ ς",
    "שָׁלוֹם עולם",
    "مَرْحَبًا بالعالم ١٢٣",
    "नमस्ते दुनिया हिन्दी में",
    "สวัสดีชาวโลก",
    "I ❤️ this 😀👍🏽 👩‍👩‍👧 🇩🇪 ok",
    "smile😀smile",
    "nul\0in\0side \0 alone",
    "bell\x07tab\tvt\x0bff\x0cfs\x1cdel\x7f nel\x85end",
    "zero\u200bwidth soft\u00adhyphen bom\ufeff joiner\u200dx rtl\u202eabc",
    "replacement\ufffdchar \ufffd private\ue000use",
    "line\u2028separator para\u2029graph ideographic\u3000space thin\u2009space",
    "“curly” ‘quotes’ — dash – en… «guillemets» „low“ ¿qué? ¡no! 、。「」",
    "½ ² ③ Ⅳ ﬁle ﬂow Ｆｕｌｌｗｉｄｔｈ ℌ ™ № Å Ω",
    "a" * 100,
    "a" * 101,
    "é" * 100 + " " + "é" * 101,
    "x" * 99 + "\u0301\u0301 y",
    "supercalifragilisticexpialidocious" * 4,
    "[CLS] [SEP] [MASK] [UNK] [unused5] ##ing #hash",
    "don''t \"quote\" 'single' \\back/ {curly} [sq] a_b_c snake_case camelCase HTTPServer2",
    "SELECT * FROM memories WHERE content MATCH 'a OR b' AND rowid NOT IN (1,2);",
    "2026-11-24T10:00:00Z +49 (0)30 123-456 10.000.000 1e-9 0xDEADBEEF",
    "mixedСкриптtext漢字и123",
    "\u0301\u0302 leading marks \u0301",
    "a\u0327\u0301\u0316b \u1100\u1161\u11a8 각",
    "\u037e greek question \u1fef varia \u2126 ohm \u212a kelvin",
]


def reference(vocabulary_path: str) -> Tokenizer:
    with open(vocabulary_path, encoding="utf-8") as lines:
        vocabulary = {line.rstrip("\n"): number for number, line in enumerate(lines)}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True
    )
    tokenizer.pre_tokenizer = BertPreTokenizer()
    return tokenizer


def main() -> None:
    tokenizer = reference(sys.argv[1])
    cases = [{"text": text, "pieces": tokenizer.encode(text).ids} for text in TEXTS]
    print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")


if __name__ == "__main__":
    main()
