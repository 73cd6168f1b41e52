# One image runs the service and the workers; the command chooses.
#   docker run … aussie-market                             the service, on port 8000
#   docker run … aussie-market python -m workers closer    a worker
#
# Python 3.11 is the oldest that we support, and the one that `.ci/run` tests.
FROM python:3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3 AS build
RUN pip install --no-cache-dir uv==0.9.30
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-cache --compile-bytecode --python /usr/local/bin/python3

FROM python:3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3
ARG REVISION=unknown
ARG VERSION=unknown
LABEL org.opencontainers.image.title="aussie-market" \
      org.opencontainers.image.description="Service and workers of Aussie Market" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN groupadd --system --gid 10001 market \
    && useradd --system --uid 10001 --gid 10001 --no-create-home market
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY gunicorn.conf.py ./
COPY market market
COPY service service
COPY workers workers
# The file system is read-only at run time, so the bytecode is written now.
RUN python -m compileall -q market service workers
# The number, because Kubernetes cannot see that a name is not root.
USER 10001:10001
EXPOSE 8000
# The check of the service; compose.yaml has one for the workers.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/api/health/ready', timeout=4)"]
CMD ["gunicorn", "service.wsgi:app", "--bind", "0.0.0.0:8000"]
