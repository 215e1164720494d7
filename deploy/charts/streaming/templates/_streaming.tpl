{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* Names that people type: they do not depend on the release. */}}
{{- define "streaming.broker" -}}fdp-kafka-controller{{- end -}}
{{- define "streaming.headless" -}}fdp-kafka-controller-headless{{- end -}}

{{- define "streaming.registry" -}}{{ .Release.Name }}-schema-registry{{- end -}}

{{- define "streaming.registry-url" -}}
{{- if eq .Values.registry.mode "internal" -}}http://{{ include "streaming.registry" . }}:8081
{{- else -}}{{ required "registry.url: where is the external registry? http://HOST:PORT" .Values.registry.url }}
{{- end -}}
{{- end -}}

{{/* Who asks the registry; they connect to Kafka too. */}}
{{- define "streaming.readers" -}}
{{ list "ingestion" "processing" "console" "akhq" "ingestion-test" "processing-test" "streaming-test" | toJson }}
{{- end -}}

{{- define "streaming.kafka-edge" -}}
{{ include "fdp.server-edge" (dict "address" .Values.kafka.bootstrap "inside" "fdp-kafka" "peer" "kafka" "port" 9092) }}
{{- end -}}

{{- define "streaming.registry-edge" -}}
{{- $inside := ternary (include "streaming.registry" .) "-" (eq .Values.registry.mode "internal") -}}
{{ include "fdp.server-edge" (dict "address" (include "streaming.registry-url" .) "inside" $inside "peer" "registry" "port" 80) }}
{{- end -}}

{{/* A Job that runs one command of fdp until it succeeds, and fails after some minutes. Its name changes with what it does, for a Job cannot
be changed. The dict has root, component, args, config, files (a volume with more files: name and mountPath) and volume. */}}
{{- define "streaming.job" -}}
{{- $content := toJson (list .args .config .checksum (include "fdp.image" (merge (dict "image" "fdp") .))) -}}
{{- $name := printf "%s-%s" .root.Release.Name .component -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "fdp.metadata" (merge (dict "name" $name) .) | nindent 2 }}
data:
  fdp.yaml: |
    {{- toYaml .config | nindent 4 }}
---
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "fdp.metadata" (merge (dict "name" (printf "%s-%s" $name (sha256sum $content | trunc 8))) .) | nindent 2 }}
spec:
  backoffLimit: 3
  activeDeadlineSeconds: 600
  template:
    metadata:
      labels:
        {{- include "fdp.pod-labels" . | nindent 8 }}
    spec:
      {{- include "fdp.pod" (merge (dict "uid" 65532 "values" dict) .) | nindent 6 }}
      restartPolicy: Never
      containers:
        - name: {{ .component }}
          {{- include "fdp.container" (merge (dict "image" "fdp") .) | nindent 10 }}
          args:
            {{- toYaml .args | nindent 12 }}
          resources:
            requests: {cpu: 10m, memory: 16Mi}
            limits: {memory: 64Mi}
          volumeMounts:
            - {name: config, mountPath: /etc/fdp, readOnly: true}
            - {name: tmp, mountPath: /tmp}
            {{- with .mount }}
            - {name: files, mountPath: {{ . }}, readOnly: true}
            {{- end }}
            {{- range $i, $secret := .secrets }}
            - {name: secret-{{ $i }}, mountPath: {{ $secret.path }}, readOnly: true}
            {{- end }}
      volumes:
        - name: config
          configMap: {name: {{ $name }}}
        - name: tmp
          emptyDir: {sizeLimit: 16Mi}
        {{- with .files }}
        - name: files
          {{- toYaml . | nindent 10 }}
        {{- end }}
        {{- range $i, $secret := .secrets }}
        - name: secret-{{ $i }}
          secret: {secretName: {{ $secret.name }}, defaultMode: 0440}
        {{- end }}
{{- end -}}
