# docker build -t biospan . && docker run --rm -p 127.0.0.1:8000:8000 -e BIOSPAN_API_KEY biospan
FROM python:3.13-slim AS build
COPY pyproject.toml constraints.txt README.md LICENSE /source/
COPY src /source/src
RUN python -m venv /opt/biospan \
 && /opt/biospan/bin/pip install --no-cache-dir --constraint /source/constraints.txt '/source[serve]'

FROM python:3.13-slim
COPY --from=build /opt/biospan /opt/biospan
RUN useradd --system --uid 10001 --no-create-home biospan
USER 10001
ENV PATH=/opt/biospan/bin:$PATH PYTHONDONTWRITEBYTECODE=1
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "-c", \
  "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
# A key is needed, in BIOSPAN_API_KEY or by --api-key-file; see docs/serving.md.
ENTRYPOINT ["biospan", "serve", "--host", "0.0.0.0"]
