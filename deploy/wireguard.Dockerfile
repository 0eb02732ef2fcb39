# WireGuard as Linux has it, for those who want it in a container: wg-quick, with the kernel's
# WireGuard where there is one and wireguard-go where not. Built from the root of the repository:
#
#   docker build --file deploy/wireguard.Dockerfile --tag sekin-wireguard .

# Pin its digest as well with NAME:TAG@sha256:DIGEST.
ARG DEBIAN_IMAGE=debian:bookworm-20250520-slim

FROM ${DEBIAN_IMAGE}
# A base that has all of it needs no package mirror.
RUN command -v wg-quick wireguard-go ip >/dev/null || { apt-get update && \
    apt-get install --yes --no-install-recommends wireguard-tools wireguard-go iproute2 && \
    rm -rf /var/lib/apt/lists/*; }
LABEL org.opencontainers.image.title="wireguard" \
      org.opencontainers.image.description="wg-quick with wireguard-go"
COPY deploy/wireguard/run /usr/local/bin/run
CMD ["/usr/local/bin/run"]
HEALTHCHECK --interval=30s --timeout=5s CMD ["wg", "show", "wg0"]
