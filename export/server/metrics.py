"""What Prometheus is told of the pool, beside KServe's own metrics."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from .pool import Pool


class PoolCollector(Collector):
    """Reads the numbers of a pool when it is asked for them."""

    def __init__(self, pool: Pool):
        self._pool = pool

    def collect(self) -> Iterator[Metric]:
        """The metrics."""
        pool = self._pool
        yield GaugeMetricFamily(
            "keras_attention_workers_ready",
            "Worker processes that can answer",
            pool.num_ready,
        )
        yield GaugeMetricFamily(
            "keras_attention_requests_waiting",
            "Requests that no worker has yet",
            pool.num_waiting,
        )
        yield CounterMetricFamily(
            "keras_attention_workers_replaced",
            "Worker processes that ended and were replaced",
            value=pool.num_replaced,
        )
        yield CounterMetricFamily(
            "keras_attention_requests_repeated",
            "Requests handed to another worker because theirs ended",
            value=pool.num_repeated,
        )
