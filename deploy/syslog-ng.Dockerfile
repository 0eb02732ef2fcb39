# Keeps the logs of the other containers: a file for each of them, rotated. Built from the root of
# the repository:
#
#   docker build --file deploy/syslog-ng.Dockerfile --tag sekin-syslog-ng .

# Pin its digest as well with NAME:TAG@sha256:DIGEST.
ARG DEBIAN_IMAGE=debian:bookworm-20250520-slim

FROM ${DEBIAN_IMAGE}
# A base that has both needs no package mirror.
RUN command -v syslog-ng >/dev/null && command -v logrotate >/dev/null || { apt-get update && \
    apt-get install --yes --no-install-recommends syslog-ng-core logrotate && \
    rm -rf /var/lib/apt/lists/*; }
LABEL org.opencontainers.image.title="syslog-ng" \
      org.opencontainers.image.description="Keeps the logs of the other containers"
COPY deploy/syslog-ng/syslog-ng.conf /etc/syslog-ng/syslog-ng.conf
COPY deploy/syslog-ng/logrotate.conf /etc/logrotate-logs.conf
COPY deploy/syslog-ng/run /usr/local/bin/run
VOLUME /logs
CMD ["/usr/local/bin/run"]
HEALTHCHECK --interval=3s --timeout=5s --start-period=5s \
    CMD ["syslog-ng-ctl", "stats"]
