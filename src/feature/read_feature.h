// From gfr.toml to what the factories get: the properties that are declared, and one [[feature]] table. Errors name the
// file, the line, the key and what is valid. Thread safety: pure functions of their arguments.
#pragma once

#include "feature/feature_types.h"

namespace gfr {

// [item], [user], [request], [request_item] and [catalogue].
Status ReadSchema(Config& config, PropertySchema* schema);
// "shop", "item", "item.PROPERTY", "user.PROPERTY", "surface", "last" or a pair of them.
Status ReadSharedEntity(const std::string& text, const PropertySchema& schema, SharedEntity* entity);
// The entity is filled for a shared scope. The canonical text holds everything but the name.
Result<FeatureConfig> ReadFeature(Config& table, const PropertySchema& schema, SharedEntity* entity);

}  // namespace gfr
