# One image runs the service and the workers; the command chooses.
#   docker run … aussie-market                             the service, on port 8000
#   docker run … aussie-market python -m workers closer    a worker
FROM python:3.12-slim AS build
RUN pip install --no-cache-dir uv==0.9.30
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-cache --python /usr/local/bin/python3

FROM python:3.12-slim
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --no-create-home market
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY gunicorn.conf.py ./
COPY market market
COPY service service
COPY workers workers
USER market
EXPOSE 8000
CMD ["gunicorn", "service.wsgi:app", "--bind", "0.0.0.0:8000"]
