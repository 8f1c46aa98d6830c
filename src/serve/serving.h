// Serving: what a server answers with at one time: the configuration, the states under its feature definitions, the
// lists of candidates and the models bound to these features. One immutable value, swapped whole (reload.h): a request
// takes one and keeps it to its end, so every answer is wholly of one configuration.
//
// What it points to goes on: the store is folded into, the lists follow the epochs, the models follow the registry.
// Thread safety: any thread reads it.
#pragma once

#include <memory>

#include "experiment/assignment.h"
#include "project/project.h"
#include "retrieve/list_maker.h"
#include "serve/model_pool.h"
#include "state/online_store.h"

namespace gfr {

struct Serving {
  std::shared_ptr<const Project> project;
  std::shared_ptr<OnlineStore> store;         // Of the project's features. Its writer has ServiceState's `mutex`.
  std::shared_ptr<const StoreReader> reader;  // Feeds read the store beside the writer.
  std::shared_ptr<ListMaker> lists;           // What feeds without candidates choose from.
  std::shared_ptr<ModelPool> models;
  std::shared_ptr<const Assigner> assigner;  // Who gets which variant, and which arm of an experiment.

  const FeatureSet& features() const { return store->features(); }
};

// The channels of every feed of the project, whatever is assigned, as ListMaker takes them.
std::vector<std::vector<ChannelConfig>> ChannelsOf(const Configuration& configuration);

// A pool for the project's features and the versions that its experiments name, which has looked at nothing yet.
std::shared_ptr<ModelPool> MakeModelPool(const std::shared_ptr<const Project>& project);

}  // namespace gfr
