"""Which adapters there are, which of them answers, and how that changes.

Promises: only an adapter that passed the gate (or was live before) is promoted; what the registry switches
is loaded and checked on the server first, so that a server that is down or disagrees leaves the old one live;
the files served are those that were registered, by hash; who changed what and when stands in the audit chain.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from finetune.config import TuneError
from finetune.live import AdapterServer, adapter_hash, check_folder, same_base
from finetune.served import served_prompts
from rag.access import LOCAL, require_right
from rag.answer.prompts import training_version
from rag.records import Principal
from rag.settings import Settings
from rag.store import Store
from rag.store.tuning import Adapter

PROMOTABLE = ("candidate", "live", "retired")


class Registry:
    """For the roles "evaluator" (reading, registering) and "admin" (switching)."""

    def __init__(self, store: Store, settings: Settings, server: AdapterServer | None = None) -> None:
        self._store = store
        self._settings = settings
        self._server = server

    @property
    def root(self) -> Path:
        """The folder that every served adapter lies in."""
        return (self._settings.tuning.adapters_dir or self._settings.data_dir / "adapters").absolute()

    def server(self) -> AdapterServer:
        """Raises TuneError("tune.no_server") when none is named."""
        if self._server is None:
            url = self._settings.tuning.server_url or self._settings.chat.base_url
            if not url:
                raise TuneError("tune.no_server")
            self._server = AdapterServer(url, self._settings.chat.api_key.get_secret_value())
        return self._server

    def adapters(self, principal: Principal = LOCAL) -> list[Adapter]:
        """Newest first."""
        require_right(principal, "evaluate")
        return self._store.adapters()

    def adapter(self, name: str, principal: Principal = LOCAL) -> Adapter:
        """Raises StoreError("tune.no_such")."""
        require_right(principal, "evaluate")
        return self._store.adapter(name)

    @contextmanager
    def served(self, adapter: Adapter) -> Iterator[None]:
        """The server knows ``adapter`` inside, and afterwards if it did before. Raises TuneError."""
        there = adapter.name in self.server().models()
        self._load(adapter)
        try:
            yield
        finally:
            if not there:
                with suppress(TuneError):  # a server that went down has unloaded it, too
                    self.server().unload(adapter.name)

    def register(self, name: str, folder: Path, principal: Principal = LOCAL) -> Adapter:
        """Takes in a trained adapter that lies inside :attr:`root`. Raises TuneError, StoreError
        ("tune.name_taken")."""
        require_right(principal, "evaluate")
        if not name or not all(c.isalnum() or c in "-_." for c in name) or name.startswith("."):
            raise TuneError("tune.bad_name", name=name)
        card = check_folder(folder, self.root)
        return self._store.add_adapter(
            name,
            card.base_model,
            str(folder.resolve()),
            adapter_hash(folder),
            card.model_dump(mode="json"),
            principal.user_id,
        )

    def promote(
        self, name: str, principal: Principal = LOCAL, *, share: float = 1.0, other_prompt: bool = False
    ) -> Adapter:
        """``name`` answers ``share`` (0 < share <= 1) of the users from now on. ``other_prompt``: also when
        it learned another wording of the prompt than is served. Raises TuneError, and then nothing has
        changed."""
        require_right(principal, "admin")
        if not 0 < share <= 1:
            raise TuneError("tune.bad_share", share=share)
        adapter = self._store.adapter(name)
        if adapter.state not in PROMOTABLE:
            raise TuneError("tune.not_gated", name=name, state=adapter.state)
        if not other_prompt:
            self._check_prompt(adapter)
        self._load(adapter)
        self._store.set_live(name, share, principal.user_id, "adapter.promote")
        return self._store.adapter(name)

    def rollback(self, principal: Principal = LOCAL) -> Adapter | None:
        """Back to what was live before the newest live adapter; None: to the base model."""
        require_right(principal, "admin")
        live = self._store.live_adapters()
        target: Adapter | None = None
        if len(live) > 1:  # the newest has a share: the one below it takes all again
            target = live[1]
        elif live:
            earlier = [a for a in self._store.adapters() if a.state == "retired" and a.live_since is not None]
            target = max(earlier, key=lambda a: (a.live_since, a.id), default=None)
        if target is not None:
            self._load(target)
        name = target.name if target else None
        self._store.set_live(name, 1.0, principal.user_id, "adapter.rollback", undone=True)
        return target and self._store.adapter(target.name)

    def serve_live(self) -> list[str]:
        """Loads every live adapter that the server lacks, after it was started anew. Returns their names."""
        loaded: list[str] = []
        served = self.server().models()
        for adapter in self._store.live_adapters():
            if adapter.name not in served:
                self._load(adapter)
                loaded.append(adapter.name)
        return loaded

    def lora_modules(self) -> list[str]:
        """``NAME=FOLDER`` for ``vllm serve --lora-modules``: what to start the server with."""
        return [f"{a.name}={a.path}" for a in self._store.live_adapters()]

    def _check_prompt(self, adapter: Adapter) -> None:
        """What an adapter learned holds under the wording that it learned."""
        told = served_prompts(self._store, self._settings)
        trained, served = str(adapter.card.get("prompt_version", "")), training_version(told)
        if trained != served:
            use = next(iter(told.values())).use
            raise TuneError(
                "tune.other_prompt", name=adapter.name, trained=trained or "-", served=served, use=use
            )

    def _check_base(self, adapter: Adapter) -> None:
        """An adapter fits the model that it was trained on and no other. What ``tuning.base_model`` names is
        taken for the served one."""
        served = self.server().bases()
        if not served or adapter.base_model == self._settings.tuning.base_model:
            return
        if not any(same_base(adapter.base_model, name) for name in served):
            raise TuneError(
                "tune.other_base", name=adapter.name, base=adapter.base_model, served=", ".join(served[:3])
            )

    def _load(self, adapter: Adapter) -> None:
        folder = Path(adapter.path)
        card = check_folder(folder, self.root)
        if adapter_hash(folder) != adapter.sha256:
            raise TuneError("tune.changed", path=folder)
        self._check_base(adapter)
        self.server().load(adapter.name, folder, card)
