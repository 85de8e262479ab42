# avjax with everything that it needs; see docs/guides/scale.md.
#
#   docker build -t avjax .                            CPU
#   docker build --build-arg EXTRA=cuda -t avjax .     NVIDIA GPUs
#   docker build --build-arg EXTRA=tpu -t avjax .      Google TPUs
FROM python:3.12-slim
ARG EXTRA=metrics
ENV PIP_NO_CACHE_DIR=1 NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
# A compiler for the extra `metrics`.
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
COPY . /src
RUN pip install "/src[${EXTRA}]" && rm -rf /src
WORKDIR /work
ENTRYPOINT ["avjax"]
CMD ["--help"]
