{{- define "wenju.name" -}}
{{- printf "%s" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "wenju.labels" -}}
app.kubernetes.io/name: wenju
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "wenju.selector" -}}
app.kubernetes.io/name: wenju
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "wenju.image" -}}
{{ .repository }}:{{ .tag }}
{{- end -}}

{{- define "wenju.podSecurity" -}}
runAsNonRoot: true
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "wenju.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Settings of app and worker. The database's and Redis's URLs are files. */}}
{{- define "wenju.environment" -}}
- {name: WENJU_DATA_DIR, value: /data}
- {name: WENJU_MODELS_DIR, value: /data/models}
{{- if .Values.vllm.enabled }}
- {name: WENJU_CHAT__BASE_URL, value: "http://{{ include "wenju.name" . }}-vllm:8001/v1"}
{{- end }}
{{- range $name, $value := .Values.settings }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end -}}

{{- define "wenju.storeEnvironment" -}}
{{- if .Values.storeSecretName }}
envFrom:
  - secretRef: {name: {{ .Values.storeSecretName }}}
{{- end }}
{{- end -}}

{{/* Pods of a component on different nodes where it can be. */}}
{{- define "wenju.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "wenju.selector" . | nindent 8 }}
{{- end -}}

{{- define "wenju.dns" -}}
- to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
  ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
{{- end -}}

{{/* What app and worker may reach. */}}
{{- define "wenju.egress" -}}
{{ include "wenju.dns" . }}
{{- if .Values.vllm.enabled }}
- to:
    - podSelector:
        matchLabels: {{- include "wenju.selector" (dict "root" . "component" "vllm") | nindent 10 }}
  ports: [{protocol: TCP, port: 8001}]
{{- end }}
{{- range .Values.networkPolicies.egress }}
- to: [{ipBlock: {cidr: {{ .cidr }}}}]
  ports: {{- range .ports }}
    - {protocol: TCP, port: {{ . }}}
  {{- end }}
{{- end }}
{{- end -}}
