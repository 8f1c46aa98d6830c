// Manifests: the scaling rules of a project as others carry them out: Kubernetes' HorizontalPodAutoscaler
// (autoscaling/v2), KEDA's ScaledObject, and the two calls of AWS application-autoscaling for a SageMaker variant.
//
// All go by feeds a minute and replica. The HPA reads the metric `gfr_feeds_per_second` of pods, which a rule of the
// Prometheus adapter makes of /metrics (in the manifest's comment); KEDA asks Prometheus itself; SageMaker counts
// invocations. Thread safety: pure functions.
#pragma once

#include <string>

#include "automation/scaling.h"

namespace gfr {

struct ManifestNames {
  std::string deployment = "gfr";                     // Kubernetes' Deployment.
  std::string prometheus = "http://prometheus:9090";  // For KEDA.
  std::string endpoint = "gfr", variant = "main";     // SageMaker's.
};

std::string KubernetesManifest(const ScalingRules& rules, const ManifestNames& names);  // YAML.
std::string KedaManifest(const ScalingRules& rules, const ManifestNames& names);        // YAML.
// {"register_scalable_target": {...}, "put_scaling_policy": {...}}: the parameters of both calls.
std::string SageMakerManifest(const ScalingRules& rules, const ManifestNames& names);

}  // namespace gfr
