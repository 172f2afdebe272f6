"""Failures that the administrators of the network end: proxies, uploads that go astray, TLS, connections."""

from __future__ import annotations

from bundler.core.advice.entry import Advice
from bundler.errors import ContentRefused, Refused, Unavailable, Unreachable

NETWORK = (
    Advice(
        "body-too-large",
        Refused,
        "too large for the registry, or for a proxy in front of it",
        'raise the limit of the proxy; nginx: client_max_body_size 0; Kubernetes ingress: proxy-body-size "0"',
        "A proxy in front of the registry blocks requests of this size; nginx's default is 1 MB. bundler sends "
        "layers that are too large for one request in pieces, which is slower. A manifest cannot be sent in pieces, "
        "and some registries take no pieces, or only larger ones. `bundler doctor --to {host}` measures the "
        "largest body that passes, without sending it. For an ingress of Kubernetes, set the annotation "
        "nginx.ingress.kubernetes.io/proxy-body-size.",
    ),
    Advice(
        "sent-in-pieces",
        Unavailable,
        "a body of this size is blocked; the blob is sent in pieces",
        "run the same command again; a higher limit of the proxy makes it faster",
        "A proxy in front of the registry, or the registry itself, refused a body because of its size. From then "
        "on, this run sends larger blobs to this registry in pieces. If a blob ends with this message, the pieces "
        "failed too.",
    ),
    Advice(
        "method-refused",
        ContentRefused,
        "a proxy in front of the registry blocks this kind of request",
        "allow GET, HEAD, POST, PUT, PATCH and DELETE below /v2/ in the proxy in front of {host}",
        "The answer is 405 with an HTML page. A read-only registry answers with JSON, so this answer comes from a "
        "proxy or a firewall that allows only some methods (nginx: limit_except), or from a web server that is not "
        "a registry. The log of the proxy shows the rule.",
    ),
    Advice(
        "sent-elsewhere",
        Refused,
        "the server redirects to another host; bundler does not follow",
        "if {host} is the registry, give it as the address",
        "bundler follows redirects of blob downloads to other hosts, without credentials. It follows requests that "
        "change something only within the same scheme, host and port; the same holds for the token server and for "
        "further pages of a list. Credentials and tokens must not reach another server.",
    ),
    Advice(
        "upload-elsewhere",
        Refused,
        "the registry gives another host for the upload of layers",
        "if {host} belongs to the registry: --allow-upload-host {host}; if not, set Host and X-Forwarded-Proto in "
        "the proxy",
        "When bundler opens an upload, the registry gives its address. bundler sends nothing to a host or port that "
        "you did not name. Often a proxy in front of the registry does not forward the Host header, so the "
        "registry gives its internal address. nginx: proxy_set_header Host $http_host; and proxy_set_header "
        "X-Forwarded-Proto $scheme; in distribution set http.relativeurls: true, or http.host. Some registries use "
        "another host for uploads on purpose: allow it with --allow-upload-host, which may be repeated. bundler "
        "sends no credentials to that host.",
    ),
    Advice(
        "upload-without-tls",
        Refused,
        "the registry gives an upload address without TLS",
        "set X-Forwarded-Proto in the proxy in front of the registry; nginx: proxy_set_header X-Forwarded-Proto "
        "$scheme;",
        "bundler uses https, but the registry gives an http address for the upload. A proxy in front of the "
        "registry speaks TLS, and does not report it to the registry. nginx: proxy_set_header X-Forwarded-Proto "
        "$scheme; and proxy_set_header Host $http_host; or set http.relativeurls: true in distribution. Nothing was "
        "sent without TLS.",
    ),
    Advice(
        "upload-with-tls",
        Refused,
        "the registry gives an upload address with TLS, at a port that speaks plain HTTP",
        "set the right X-Forwarded-Proto in the proxy in front of the registry; nginx: proxy_set_header "
        "X-Forwarded-Proto $scheme;",
        "bundler uses http, but the registry gives the same host and port with https for the upload. A proxy in "
        "front of it reports TLS by mistake: X-Forwarded-Proto must be the scheme that clients use. Or set "
        "http.relativeurls: true in distribution. If the registry speaks TLS at that port, leave --plain-http out.",
    ),
    Advice(
        "upload-astray",
        Refused,
        "the upload address of the registry does not exist",
        "give the path of the API with --base-path, or keep paths unchanged in the proxy",
        "The address is not below the API, and the registry answers not found there. A proxy in front of the "
        "registry changes the paths of requests, but not those in answers. nginx: proxy_redirect, and "
        "proxy_set_header Host $http_host; distribution: http.prefix and http.host as the outside sees them.",
    ),
    Advice(
        "not-kept",
        Unavailable,
        "the registry accepted the upload, but does not have it",
        "run the same command again; if it fails again, check the registry's log and its storage",
        "The registry answered the upload with success, and then answered not found. bundler sent it several times. "
        "Possible causes: the storage of the registry loses data, several registries share one address but not "
        "their storage, or a garbage collection is running. No tag that was there has moved.",
    ),
    Advice(
        "digest-unsupported",
        Refused,
        "the registry does not support this digest algorithm",
        "leave the image out with --except, or push it to a registry that supports this algorithm",
        "Nearly all images have sha256 digests. This image has another algorithm, which the specification allows, "
        "but this registry does not support it; distribution 2 and 3 do not. bundler does not convert it: with "
        "another digest it would be another image. The other images are not affected.",
    ),
    Advice(
        "proxy-page",
        Unavailable,
        "the answer is an HTML page, not a registry's answer",
        "check address, port and path of {host}, and HTTPS_PROXY and NO_PROXY: another server answers",
        "The answer is HTML. It comes from a proxy, a load balancer, a login page of the company, or the web "
        "interface of the registry, but not from its API. Often the port is the one of the web interface, the API "
        "is below a path (--base-path for Nexus), or NO_PROXY does not name the registry, so that requests go to "
        "the outside proxy.",
    ),
    Advice(
        "no-registry",
        Refused,
        "this is not a registry's answer",
        "check address, port and path of {host}, and HTTPS_PROXY and NO_PROXY: a proxy or a login page may answer",
        "The answer is not one of a registry: it is an HTML page, or it is not HTTP. Another attempt would give the "
        "same answer. Often it is the login page of a company's proxy, a web interface on the same port, another "
        "kind of server, or a registry whose API is below a path (--base-path for Nexus). Try `curl -v "
        "https://{host}/v2/`: a registry answers with JSON, or with 401.",
    ),
    Advice(
        "unknown-authority",
        Refused,
        "this machine does not trust the authority of the certificate",
        "give the authority's certificate with --cacert FILE, or copy it to /etc/docker/certs.d/{host}/ca.crt",
        "An authority that this machine does not know issued the registry's certificate; often it is the company's "
        "own. Ask for the authority's certificate (not the registry's), and compare its fingerprint with its "
        "administrator. bundler looks in --cacert, SSL_CERT_FILE, /etc/docker/certs.d, /etc/containers/certs.d and "
        "~/.config/containers/certs.d; the folder must be named by host and port, exactly as in --to. No option "
        "turns the check off.",
    ),
    Advice(
        "certificate-name",
        Refused,
        "the certificate is for another name",
        "use the name in the certificate, or ask for a certificate for {host}",
        "The certificate is valid, but for another name. For an IP address, the certificate must contain this "
        "address. With a load balancer, the certificate may belong to another service.",
    ),
    Advice(
        "certificate-expired",
        Refused,
        "the certificate has expired",
        "check the clock of this machine (date -u), then ask for a new certificate",
        "The certificate is too old, or this machine's clock is fast. `bundler doctor --to {host}` shows the end of "
        "its validity and the difference of the clocks.",
    ),
    Advice(
        "clock-skew",
        Refused,
        "the clocks of this machine and of the registry differ",
        "set the clock of this machine (date -u), or that of the registry, then run the same command again",
        "Certificates and login tokens are valid for a period of time. Tokens are valid for minutes, and a registry "
        "accepts a difference of about one minute. So with a wrong clock it refuses new tokens. Disconnected "
        "networks often have no time server.",
    ),
    Advice(
        "no-tls",
        Refused,
        "the server does not speak TLS",
        "if this is intended: --plain-http {host}",
        "The port answers, but not with TLS. By default bundler uses plain HTTP only for registries on this "
        "machine. With --plain-http anyone on the network can read and change all data, credentials too; bundler "
        "still compares digests, and the receipt records it.",
    ),
    Advice(
        "connection-refused",
        Unreachable,
        "no connection",
        "check that the registry runs, that the port is right, and that no firewall blocks {host}",
        "The machine answers that the port is closed. Without a port, https means 443. To test the port: `curl -v "
        "https://{host}/v2/`.",
    ),
    Advice(
        "no-answer",
        Unavailable,
        "no answer in time",
        "run the same command again; it does not send again what has arrived",
        "The connection is open, but no data come. Possible causes: a firewall drops packets, a proxy waits for the "
        "whole body, or the disk or database of the registry is busy. Fewer uploads at a time (--jobs 1) may help.",
    ),
    Advice(
        "too-slow",
        Unavailable,
        "the connection is too slow",
        "run the same command again; fewer parallel transfers (--jobs 1) may help",
        "Data move, but too few: less than 64 KiB in a minute. A slow line is no problem; bundler waits for it. "
        "Here a server or proxy is overloaded, or keeps the connection open with a few bytes. If an upload stalls, "
        "the registry or a proxy in front of it has stopped reading.",
    ),
    Advice(
        "connect-timeout",
        Unreachable,
        "no connection in time",
        "check that {host} is running and that no firewall drops packets to it",
        "There is no answer at all: a firewall drops packets, the machine is switched off, or the address is wrong. "
        "If the registry is reachable only through a proxy, set HTTPS_PROXY.",
    ),
    Advice(
        "name-not-resolved",
        Unreachable,
        "the name cannot be resolved",
        "check the spelling, and the DNS server of this machine: getent hosts {host}",
        "This machine does not know the name of the registry. Disconnected networks often have their own DNS "
        "server, or names in /etc/hosts.",
    ),
    Advice(
        "proxy-failed",
        Unavailable,
        "the proxy failed",
        "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY; add a registry inside the network to NO_PROXY",
        "The environment sets a proxy, and the proxy does not allow this connection. NO_PROXY accepts names, "
        "domains that start with a dot, addresses, and blocks like 10.0.0.0/8.",
    ),
)
