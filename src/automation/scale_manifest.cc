#include "automation/scale_manifest.h"

#include <fmt/format.h>

#include "base/json_text.h"

namespace gfr {
namespace {

constexpr const char* kFeedsLabel = "endpoint=\"/v1/feed\"";
constexpr const char* kRequestSeries = "gfr_request_duration_seconds_count";
const std::string& FeedsSeries() {
  static const std::string series = fmt::format("{}{{{}}}", kRequestSeries, kFeedsLabel);
  return series;
}

// A text as YAML reads it whatever is in it: JSON is YAML.
std::string YamlText(const std::string& text) { return DumpJson(nlohmann::json(text)); }

}  // namespace

std::string KubernetesManifest(const ScalingRules& rules, const ManifestNames& names) {
  return fmt::format(
      R"(# The metric is made of /metrics by this rule of the Prometheus adapter:
#   - seriesQuery: '{series}'
#     resources: {{overrides: {{namespace: {{resource: namespace}}, pod: {{resource: pod}}}}}}
#     name: {{as: gfr_feeds_per_second}}
#     metricsQuery: 'sum(rate(<<.Series>>{{{label},<<.LabelMatchers>>}}[1m])) by (<<.GroupBy>>)'
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {name}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {name}
  minReplicas: {min}
  maxReplicas: {max}
  metrics:
    - type: Pods
      pods:
        metric:
          name: gfr_feeds_per_second
        target:
          type: AverageValue
          averageValue: "{milli}m"
  behavior:
    scaleUp:
      stabilizationWindowSeconds: {out}
      policies:
        - type: Percent
          value: 900
          periodSeconds: 15
    scaleDown:
      stabilizationWindowSeconds: {in}
)",
      fmt::arg("series", FeedsSeries()), fmt::arg("label", kFeedsLabel), fmt::arg("name", YamlText(names.deployment)),
      fmt::arg("min", rules.min_replicas), fmt::arg("max", rules.max_replicas),
      fmt::arg("milli", static_cast<long long>(rules.requests_per_minute / 60 * 1000)),
      fmt::arg("out", rules.out_cooldown_ms / kSecondMs), fmt::arg("in", rules.in_cooldown_ms / kSecondMs));
}

std::string KedaManifest(const ScalingRules& rules, const ManifestNames& names) {
  return fmt::format(R"(apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {name}
spec:
  scaleTargetRef:
    name: {name}
  pollingInterval: 10
  cooldownPeriod: {in}
  minReplicaCount: {min}
  maxReplicaCount: {max}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        scaleUp:
          stabilizationWindowSeconds: {out}
        scaleDown:
          stabilizationWindowSeconds: {in}
  triggers:
    - type: prometheus
      metricType: AverageValue
      metadata:
        serverAddress: {prometheus}
        query: {query}
        threshold: "{threshold:g}"
)",
                     fmt::arg("name", YamlText(names.deployment)), fmt::arg("min", rules.min_replicas),
                     fmt::arg("max", rules.max_replicas), fmt::arg("in", rules.in_cooldown_ms / kSecondMs),
                     fmt::arg("out", rules.out_cooldown_ms / kSecondMs),
                     fmt::arg("prometheus", YamlText(names.prometheus)),
                     fmt::arg("query", YamlText(fmt::format("sum(rate({}[1m]))", FeedsSeries()))),
                     fmt::arg("threshold", rules.requests_per_minute / 60));
}

std::string SageMakerManifest(const ScalingRules& rules, const ManifestNames& names) {
  const std::string resource = "endpoint/" + names.endpoint + "/variant/" + names.variant;
  const nlohmann::ordered_json target{{"ServiceNamespace", "sagemaker"},
                                      {"ResourceId", resource},
                                      {"ScalableDimension", "sagemaker:variant:DesiredInstanceCount"}};
  nlohmann::ordered_json registers = target, policy = target;
  registers["MinCapacity"] = rules.min_replicas;
  registers["MaxCapacity"] = rules.max_replicas;
  policy["PolicyName"] = "gfr-" + names.endpoint + "-" + names.variant;
  policy["PolicyType"] = "TargetTrackingScaling";
  policy["TargetTrackingScalingPolicyConfiguration"] = {
      {"TargetValue", rules.requests_per_minute},
      {"PredefinedMetricSpecification", {{"PredefinedMetricType", "SageMakerVariantInvocationsPerInstance"}}},
      {"ScaleOutCooldown", rules.out_cooldown_ms / kSecondMs},
      {"ScaleInCooldown", rules.in_cooldown_ms / kSecondMs}};
  return DumpJson(nlohmann::ordered_json{{"register_scalable_target", registers}, {"put_scaling_policy", policy}}, 2);
}

}  // namespace gfr
