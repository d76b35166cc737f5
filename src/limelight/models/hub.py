"""Weights that others publish: found in the libraries' own caches, else downloaded once.

What is there already is taken without asking the network. What is not, and cannot be fetched, is
answered at once with one sentence: what, from where, and where the file can be put instead.
"""

from __future__ import annotations

import re
import socket
import sys
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from limelight.errors import ModelLoadError, require

SECONDS = 10.0
"""How long a server may take to answer at all."""


def unreachable(url: str) -> str | None:
    """Why no connection to `url` can be made; None where one can, or a proxy stands between.

    The libraries that download try for minutes; this asks once.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = urllib.request.getproxies()
    if ({parts.scheme, "all"} & proxies.keys()) and not urllib.request.proxy_bypass(host):
        return None
    port = parts.port or (80 if parts.scheme == "http" else 443)
    try:
        socket.create_connection((host, port), timeout=SECONDS).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


def not_fetched(arch: str, url: str, reason: str, instead: str) -> ModelLoadError:
    """The one sentence for a model that could not be fetched, and what can be done instead."""
    return ModelLoadError(
        f"{arch!r} is not on this machine and could not be fetched from {url} ({reason}): {instead}"
    )


def _with_arch(arch: str) -> str:
    return f"or give weights that you have: load('weights.safetensors', arch={arch!r})"


def _say(url: str, place: str | Path) -> None:
    print(f"Downloading {url} to {place}", file=sys.stderr, flush=True)


def torch_file(url: str, arch: str) -> Path:
    """The published weights file at `url`, in torch.hub's own folder of checkpoints.

    A download is checked against the beginning of its SHA-256, which stands in its name.

    Raises:
        ModelLoadError: it is not there and cannot be fetched, or what came is not that file.
    """
    torch = require("torch", "torch", "PyTorch models")
    name = urlsplit(url).path.rpartition("/")[2]
    file = Path(torch.hub.get_dir()) / "checkpoints" / name
    if file.is_file():
        return file
    instead = f"put the file at {file}, {_with_arch(arch)}"
    if (reason := unreachable(url)) is not None:
        raise not_fetched(arch, url, reason, instead)
    file.parent.mkdir(parents=True, exist_ok=True)
    _say(url, file)
    digest = re.search(r"-([0-9a-f]{8,})\.", name)
    try:
        torch.hub.download_url_to_file(
            url, str(file), digest[1] if digest else None, progress=sys.stderr.isatty()
        )
    except (OSError, RuntimeError) as error:  # the network; another SHA-256
        raise not_fetched(arch, url, _first_line(error), instead) from error
    return file


def huggingface_file(
    repository: str, name: str, arch: str, revision: str | None = None, optional: bool = False
) -> Path | None:
    """One file of a repository of the Hugging Face hub, in that hub's own cache.

    None where the repository has no such file, or where it is `optional` and cannot be had.

    Raises:
        ModelLoadError: it is not there and cannot be fetched, or there is no such repository.
    """
    hub = require("huggingface_hub", "hf", "models of the Hugging Face hub")
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HFValidationError,
        HTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    url = f"{constants.ENDPOINT}/{repository}"
    folder = "timm:local-dir:FOLDER" if arch.startswith("timm:") else "hf:FOLDER"
    instead = (
        f"where there is a network, run `hf download {repository} --local-dir FOLDER` and give "
        f"{folder!r}, or copy {constants.HF_HUB_CACHE} from there, {_with_arch(arch)}"
    )
    try:
        cached = hub.try_to_load_from_cache(repository, name, revision=revision)
    except HFValidationError as error:
        raise ModelLoadError(
            f"{repository!r} is neither a folder nor a repository of the Hugging Face hub, which "
            'is named like "microsoft/resnet-50"'
        ) from error
    if isinstance(cached, str):
        return Path(cached)
    if cached is not None:
        return None  # the hub has said earlier that there is no such file
    reason = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else unreachable(url)
    if reason is not None:
        if optional:
            return None
        raise not_fetched(arch, url, reason, instead)
    try:
        return Path(hub.hf_hub_download(repository, name, revision=revision))
    except LocalEntryNotFoundError as error:
        raise not_fetched(arch, url, _first_line(error), instead) from error
    except EntryNotFoundError:
        return None
    except GatedRepoError as error:
        raise ModelLoadError(
            f"{url} is open only to those who have accepted its terms: do so there, then run "
            "`hf auth login`"
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        at = f" at {revision!r}" if revision else ""
        raise ModelLoadError(
            f"the Hugging Face hub has no repository {repository!r}{at}, or only for those whom it "
            "knows (`hf auth login`)"
        ) from error
    except (HTTPError, OSError) as error:
        raise not_fetched(arch, url, _first_line(error), instead) from error


def huggingface_folder(
    repository: str, weights: bool, arch: str, others: Iterable[str] = ()
) -> Path:
    """A folder with a repository's `config.json`, weights, and of `others` those that it has.

    `repository` may end in ``@revision``. Safetensors are taken where there are any.

    Raises:
        ModelLoadError: as `huggingface_file`, or the repository has no configuration or weights.
    """
    import json

    name, _, revision = repository.partition("@")
    config = huggingface_file(name, "config.json", arch, revision or None)
    if config is None:
        raise ModelLoadError(f"the repository {name!r} of the Hugging Face hub has no config.json")
    folder = config.parent
    commit = folder.name  # so that all files are of one revision
    for other in others:
        huggingface_file(name, other, arch, commit, optional=True)
    if not weights:
        return folder
    for single in ("model.safetensors", "pytorch_model.bin"):
        if huggingface_file(name, single, arch, commit) is not None:
            return folder
        index = huggingface_file(name, f"{single}.index.json", arch, commit)
        if index is not None:
            for part in sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values())):
                huggingface_file(name, part, arch, commit)
            return folder
    raise ModelLoadError(
        f"the repository {name!r} of the Hugging Face hub has no weights of PyTorch "
        "(model.safetensors or pytorch_model.bin)"
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
