"""The document of a Tier 03 review: every statement is labelled and leads to what it rests on."""
import json
import pathlib
import re

LABELS = ("fact", "inference", "assumption")


def resolve(folder, link, documents):
    """What a link leads to; raises where it leads nowhere. A file as a whole: its path."""
    path = pathlib.Path(folder) / link["file"]
    if not path.is_file():
        raise KeyError(link["file"])
    if link["pointer"] is None:
        return path
    if path not in documents:
        documents[path] = json.loads(path.read_text(encoding="utf-8"))
    value = documents[path]
    for key in link["pointer"].split("/")[1:]:
        value = value[int(key) if isinstance(value, list) else key.replace("~1", "/").replace("~0", "~")]
    return value


def problems(folder, name="tier03.json"):
    """Sentences; empty if all is well."""
    document, documents, found, counts = json.loads((pathlib.Path(folder) / name).read_text(encoding="utf-8")), {}, [], [0, 0]

    def look(value, where):
        if isinstance(value, dict):
            if "text" in value or "question" in value:
                counts[0] += 1
                if value.get("label") not in LABELS:
                    found.append(f"{where}: no truth label")
                if not value.get("evidence"):
                    found.append(f"{where}: no evidence")
            for link in value.get("evidence") or []:
                counts[1] += 1
                try:
                    resolve(folder, link, documents)
                except (KeyError, IndexError, ValueError, TypeError):
                    found.append(f"{where}: {link} leads nowhere")
            for key, member in value.items():
                look(member, f"{where}.{key}")
        elif isinstance(value, list):
            for i, member in enumerate(value):
                look(member, f"{where}[{i}]")

    look(document, "")
    if min(counts) == 0:
        found.append("no statement, or no link")
    return found


def markdown_links(text):
    """The links of questions.md as those of the document are."""
    return [{"file": file, "pointer": pointer or None} for file, pointer in re.findall(r"\]\(([^)#]+)#?([^)]*)\)", text)]
