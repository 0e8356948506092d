"""Custom resources: the shapes of what is installed into a cluster, as far as our manifests use them.

Written by hand; the manifests were held against the published definitions of cert-manager 1.21, Gateway API 1.4, KEDA
2.21 and prometheus-operator 0.85.
A field that is not here is a complaint: look it up, and add it.
"""

from __future__ import annotations

import re
from typing import Any, Final

from tests.k8s.manifests import Document, title

Shape = Any
"""A dict of fields (`name!` must be there), a list of one shape, a pattern for a string, a set of words, or a type."""

_DURATION: Final = re.compile(r"(\d+(\.\d+)?(ns|us|ms|s|m|h))+")
_GATEWAY_DURATION: Final = re.compile(r"([0-9]{1,5}(h|m|s|ms)){1,4}")
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_HOST: Final = re.compile(r"(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABELS: Final = re.compile(r".*")
_QUANTITY: Final = re.compile(r"-?\d+(\.\d+)?")

_ISSUER_REF: Final = {"group": {"cert-manager.io"}, "kind": {"Issuer", "ClusterIssuer"}, "name!": _NAME}
_USAGES: Final = {"cert sign", "crl sign", "digital signature", "key encipherment", "server auth", "client auth"}
_PARENT: Final = {"name!": _NAME, "namespace": _NAME, "sectionName": _NAME, "port": int}
_BACKEND: Final = {"name!": _NAME, "namespace": _NAME, "port!": int, "weight": int}
_SCALING: Final = {
    "stabilizationWindowSeconds": int,
    "selectPolicy": {"Max", "Min", "Disabled"},
    "policies": [{"type!": {"Pods", "Percent"}, "value!": int, "periodSeconds!": int}],
}

SHAPES: Final[dict[tuple[str, str], Shape]] = {
    ("cert-manager.io/v1", "Issuer"): {"selfSigned": {}, "ca": {"secretName!": _NAME}},
    ("cert-manager.io/v1", "Certificate"): {
        "secretName!": _NAME,
        "issuerRef!": _ISSUER_REF,
        "isCA": bool,
        "commonName": _LABELS,
        "dnsNames": [_HOST],
        "duration": _DURATION,
        "renewBefore": _DURATION,
        "usages": [_USAGES],
        "privateKey": {
            "algorithm": {"RSA", "ECDSA", "Ed25519"},
            "size": int,
            "rotationPolicy": {"Never", "Always"},
        },
    },
    ("gateway.networking.k8s.io/v1", "Gateway"): {
        "gatewayClassName!": _NAME,
        "listeners!": [
            {
                "name!": _NAME,
                "hostname": _HOST,
                "port!": int,
                "protocol!": {"HTTP", "HTTPS", "TLS", "TCP", "UDP"},
                "tls": {
                    "mode": {"Terminate", "Passthrough"},
                    "certificateRefs": [{"name!": _NAME, "namespace": _NAME}],
                },
                "allowedRoutes": {
                    "namespaces": {"from": {"All", "Selector", "Same"}},
                    "kinds": [{"kind!": {"HTTPRoute", "GRPCRoute", "TLSRoute"}}],
                },
            }
        ],
    },
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): {
        "parentRefs": [_PARENT],
        "hostnames": [_HOST],
        "rules": [
            {
                "matches": [{"path": {"type": {"Exact", "PathPrefix"}, "value": re.compile(r"/.*")}}],
                "timeouts": {"request": _GATEWAY_DURATION, "backendRequest": _GATEWAY_DURATION},
                "backendRefs": [_BACKEND],
            }
        ],
    },
    ("gateway.networking.k8s.io/v1", "GRPCRoute"): {
        "parentRefs": [_PARENT],
        "hostnames": [_HOST],
        "rules": [
            {
                "matches": [
                    {"method": {"type": {"Exact"}, "service": re.compile(r"[\w.]+"), "method": re.compile(r"\w+")}}
                ],
                "backendRefs": [_BACKEND],
            }
        ],
    },
    ("keda.sh/v1alpha1", "ScaledObject"): {
        "scaleTargetRef!": {"apiVersion": {"apps/v1"}, "kind": {"Deployment"}, "name!": _NAME},
        "minReplicaCount": int,
        "maxReplicaCount": int,
        "pollingInterval": int,
        "fallback": {
            "failureThreshold!": int,
            "replicas!": int,
            "behavior": {"static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"},
        },
        "triggers!": [
            {
                "type!": {"prometheus"},
                "metricType": {"AverageValue", "Value", "Utilization"},
                "metadata!": {
                    "serverAddress!": re.compile(r"https?://[^/]+"),
                    "query!": re.compile(r"(?s).+"),
                    "threshold!": _QUANTITY,
                },
            }
        ],
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": {"scaleUp": _SCALING, "scaleDown": _SCALING}}},
    },
    ("monitoring.coreos.com/v1", "PodMonitor"): {
        "selector!": {
            "matchLabels": {"*": _LABELS},
            "matchExpressions": [{"key!": _LABELS, "operator!": {"In"}, "values": [_LABELS]}],
        },
        "jobLabel": _LABELS,
        "scrapeProtocols": [{"OpenMetricsText1.0.0", "OpenMetricsText0.0.1", "PrometheusText0.0.4", "PrometheusProto"}],
        "podMetricsEndpoints": [
            {
                "port!": _NAME,
                "path": re.compile(r"/.*"),
                "interval": _DURATION,
                "scrapeTimeout": _DURATION,
                "relabelings": [{"sourceLabels": [re.compile(r"\w+")], "targetLabel": re.compile(r"\w+")}],
            }
        ],
    },
    ("monitoring.coreos.com/v1", "PrometheusRule"): {
        "groups": [
            {
                "name!": _LABELS,
                "interval": _DURATION,
                "rules": [
                    {
                        "alert": _LABELS,
                        "record": re.compile(r"[a-zA-Z_:][\w:]*"),
                        "expr!": re.compile(r"(?s).+"),
                        "for": _DURATION,
                        "keep_firing_for": _DURATION,
                        "labels": {"*": _LABELS},
                        "annotations": {"*": re.compile(r"(?s).*")},
                    }
                ],
            }
        ]
    },
}


def complaints(document: Document) -> list[str]:
    """Return what is wrong with a custom resource; a kind that is not known here is wrong by itself."""
    shape = SHAPES.get((document["apiVersion"], document["kind"]))
    if shape is None:
        return [f"{title(document)}: {document['apiVersion']} {document['kind']} has no shape in tests/k8s/custom.py"]
    return [f"{title(document)}{complaint}" for complaint in _differences(document.get("spec", {}), shape, "/spec")]


def _differences(value: Any, shape: Shape, path: str) -> list[str]:
    if isinstance(shape, dict):
        return _fields(value, shape, path)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{path}: must be a list"]
        return [
            found for number, each in enumerate(value) for found in _differences(each, shape[0], f"{path}/{number}")
        ]
    if isinstance(shape, set):
        return [] if value in shape else [f"{path}: {value!r} is none of {sorted(shape)}"]
    if isinstance(shape, re.Pattern):
        return (
            [] if isinstance(value, str) and shape.fullmatch(value) else [f"{path}: {value!r} is not {shape.pattern}"]
        )
    return [] if type(value) is shape else [f"{path}: {value!r} must be of type {shape.__name__}"]


def _fields(value: Any, shape: dict[str, Shape], path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: must be an object"]
    fields = {name.removesuffix("!"): inner for name, inner in shape.items()}
    missing = [name.removesuffix("!") for name in shape if name.endswith("!") and name.removesuffix("!") not in value]
    found = [f"{path}: {name} is missing" for name in missing]
    for name, inner in value.items():
        if name in fields or "*" in fields:
            found += _differences(inner, fields.get(name, fields.get("*")), f"{path}/{name}")
        else:
            found.append(f"{path}: there is no {name}")
    return found
