"""What ``/metrics`` tells a Prometheus. Labels are few and fixed: no id, no name of a file, no name of a person."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from carpal.service.records import Outcome

__all__ = ["Metrics"]

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The service's figures since it was started."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._registry = registry
        self._readings = Counter("carpal_readings", "Radiographs done with.", ["state"], registry=registry)
        for state in ("done", "refused", "failed"):
            self._readings.labels(state)  # from 0 on: of a figure that is not there yet no rise can be seen
        self._seconds = Histogram(
            "carpal_reading_seconds", "Seconds of one radiograph in a worker.", buckets=_SECONDS, registry=registry
        )
        self._lost = Counter("carpal_workers_lost", "Workers that died or were ended.", registry=registry)
        self._waiting = Gauge("carpal_readings_waiting", "Radiographs accepted and not yet read.", registry=registry)
        self._ready = Gauge("carpal_workers_ready", "Workers that can take work.", registry=registry)
        self._requests = Counter(
            "carpal_http_requests", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self._arrived = Counter(
            "carpal_dicom_objects", "DICOM objects that came in.", ["way", "outcome"], registry=registry
        )
        self._sent = Counter("carpal_outbox_sent", "Results that arrived.", ["document"], registry=registry)
        self._not_sent = Counter(
            "carpal_outbox_failures", "Destinations away, results declined or impossible.", ["why"], registry=registry
        )
        self._outbox = Gauge("carpal_outbox_waiting", "Results that have not arrived yet.", registry=registry)
        self._latency = Histogram(
            "carpal_http_seconds", "Seconds to answer.", ["method", "route"], buckets=_SECONDS, registry=registry
        )

    def reading(self, outcome: Outcome, seconds: float) -> None:
        """A radiograph is done with."""
        self._readings.labels(outcome.state).inc()
        self._seconds.observe(seconds)

    def worker_lost(self) -> None:
        """A worker died or was ended."""
        self._lost.inc()

    def arrived(self, way: str, outcome: str) -> None:
        """A DICOM object came in: accepted, known, passed over or refused."""
        self._arrived.labels(way, outcome).inc()

    def sent(self, document: str) -> None:
        """A result arrived."""
        self._sent.labels(document).inc()

    def sending_failed(self, why: str) -> None:
        """A destination was away, declined a result, or a result can never be made."""
        self._not_sent.labels(why).inc()

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.labels(method, route, str(status)).inc()
        self._latency.labels(method, route).observe(seconds)

    def text(self, waiting: int, ready: int, to_send: int) -> bytes:
        """Prometheus' text format."""
        self._waiting.set(waiting)
        self._ready.set(ready)
        self._outbox.set(to_send)
        return generate_latest(self._registry)
