"""Which engine does the work: chosen by the settings, or built again for an order.

This module must not run an engine.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from soundmatte.documents import Order
from soundmatte.errors import UsageError
from soundmatte.settings import Cloud, load, models_folder

if TYPE_CHECKING:
    from soundmatte.engines.cloud.engine import CloudEngine
    from soundmatte.engines.engine import Engine
    from soundmatte.engines.offline.engine import OfflineEngine

Use = Literal["auto", "cloud", "offline"]


def choose(use: str, cloud: Cloud) -> tuple[Engine, str]:
    """The engine to use, and a sentence on why it is that one.

    Args:
        use: "auto", "cloud" or "offline".
        cloud: how the cloud engine is to work, if it is that.
    """
    from soundmatte.separation.keys import find

    if use == "offline":
        return offline_engine(), "Engine: offline."
    if use == "cloud" or cloud.server:
        at = f", at {cloud.server}" if cloud.server else ""
        return cloud_engine(cloud), f"Engine: cloud{at}."
    if (key := find()) is not None:
        return cloud_engine(cloud), f"Engine: cloud, with the key from {key.origin}."
    return offline_engine(), "Engine: offline; there is no API key and no server."


def engine_of(order: Order) -> Engine:
    """The engine that an order names, on its terms.

    Raises:
        UsageError: there is no such engine.
    """
    if order.engine == "offline":
        return offline_engine()
    if order.engine == "cloud":
        return cloud_engine(Cloud.model_validate(order.terms))
    raise UsageError(f"There is no engine {order.engine!r}.", hint="There are cloud and offline.")


def cloud_engine(cloud: Cloud) -> CloudEngine:
    """The cloud engine, connected when it first has something to ask."""
    from soundmatte.engines.cloud.asking import Options
    from soundmatte.engines.cloud.engine import CloudEngine, Limits
    from soundmatte.jobs.requests import Requests
    from soundmatte.separation.client import Client
    from soundmatte.separation.places import places

    asked = cloud.model_dump(include=set(Options.__dataclass_fields__))
    limit = None if cloud.max_cost is None else Decimal(cloud.max_cost)
    return CloudEngine(
        lambda: Client(places=places(cloud.server)),
        Requests.open,
        options=Options(**asked),
        limits=Limits(limit, cloud.paid_retries, cloud.monthly_limit),
        server=cloud.server,
        terms=cloud.model_dump(mode="json"),
    )


def offline_engine() -> OfflineEngine:
    """The offline engine as the settings describe it."""
    from soundmatte.engines.offline.engine import OfflineEngine

    chosen = load().settings.offline
    return OfflineEngine(models=chosen.models or None, given=chosen.given, folder=models_folder())
