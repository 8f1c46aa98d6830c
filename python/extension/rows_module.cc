// The Python module gfr._rows: the steps of dataset/partition_rows.h over Arrow record batches of the lake's columns
// log_offset, arrival_ms and record. python/gfr/rows.py is its manual.
#include <nanobind/nanobind.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <map>
#include <optional>
#include <stdexcept>

#include "arrow_batch.h"
#include "dataset/partition_rows.h"
#include "event/event_codec.h"

namespace nb = nanobind;

namespace gfr {
namespace {

void Check(const Status& status) {
  if (status.ok()) return;
  if (status.error().code == ErrorCode::kInvalidArgument) throw std::invalid_argument(status.error().ToString());
  throw std::runtime_error(status.error().ToString());
}
template <typename T>
T Get(Result<T> result) {
  if (!result.ok()) Check(result.error());
  return std::move(result.value());
}

// Calls `use(view)` with anything that has __arrow_c_array__, without the interpreter's lock.
template <typename Use>
void WithBatch(const nb::object& batch, Use use) {
  const nb::tuple capsules = nb::cast<nb::tuple>(batch.attr("__arrow_c_array__")());
  const nb::object first = capsules[0], second = capsules[1];
  const auto* schema = static_cast<const ArrowSchema*>(PyCapsule_GetPointer(first.ptr(), "arrow_schema"));
  const auto* array = static_cast<const ArrowArray*>(PyCapsule_GetPointer(second.ptr(), "arrow_array"));
  if (!schema || !array) throw nb::python_error();
  const nb::gil_scoped_release release;
  use(BatchView(*schema, *array));  // Borrowed: the capsules release them.
}

// The records of a batch, decoded.
template <typename Each>
void ForEachRecord(const BatchView& batch, Each each) {
  const std::int64_t *offset = batch.Integers("log_offset"), *arrival_ms = batch.Integers("arrival_ms");
  const BatchView::Bytes encoded = batch.Binary("record");
  LogRecord record;
  for (std::size_t i = 0; i < batch.rows(); ++i) {
    record.offset = static_cast<std::uint64_t>(offset[i]);
    record.arrival_ms = arrival_ms[i];
    Check(DecodeEventInto(encoded[i], &record.event));
    each(record);
  }
}

template <class T>
nb::object Capsule(std::unique_ptr<T> value, const char* name) {
  PyObject* capsule = PyCapsule_New(value.get(), name, [](PyObject* object) {
    auto* held = static_cast<T*>(PyCapsule_GetPointer(object, PyCapsule_GetName(object)));
    if (held->release) held->release(held);  // Nobody took it.
    delete held;
  });
  if (!capsule) throw nb::python_error();
  (void)value.release();
  return nb::steal(capsule);
}

OutBatch OfEpochs(std::vector<EpochDelta>& epochs) {
  std::vector<std::int64_t> ends;
  std::vector<std::string> deltas;
  for (EpochDelta& epoch : epochs) {
    ends.push_back(epoch.first);
    deltas.push_back(std::move(epoch.second));
  }
  OutBatch batch;
  batch.Add("epoch_end_ms", std::move(ends));
  batch.AddBinary("delta", deltas);
  return batch;
}

using SharedPlan = std::shared_ptr<ReplayPlan>;
struct Plan {
  SharedPlan plan;
};

struct Catalogue {
  explicit Catalogue(const Plan& of) : plan(of.plan), fold(of.plan) {}
  SharedPlan plan;
  CatalogueFold fold;
};
struct Merge {
  explicit Merge(const Plan& of) : plan(of.plan), merge(*of.plan) {}
  SharedPlan plan;
  EpochMerge merge;
};
struct Lines {
  Lines(const Plan& of, const std::string& catalogue) : fold(of.plan, catalogue) {}
  LinesFold fold;
};
struct Rows {
  Rows(const Plan& of, const std::string& epochs, const std::string& scratch)
      : plan(of.plan), rows(of.plan, epochs, scratch) {}
  SharedPlan plan;
  PartitionRows rows;
};

std::vector<std::string> TypeNames(std::uint32_t types) {
  std::vector<std::string> names;
  for (int t = 1; t < kEventTypes; ++t) {
    if (types >> t & 1u) names.emplace_back(EventTypeName(static_cast<EventType>(t)));
  }
  return names;
}

// Columns as `gfr dataset` has them, behind the objective's index; keys as int64 of the same bits. `line` orders rows
// of one event.
OutBatch OfRows(const ReplayPlan& plan, const PartitionRows::Rows& rows) {
  const std::size_t n = rows.place.size(), columns = plan.features()->columns();
  std::vector<std::int64_t> offset(n), line(n), user(n), arrival(n), request(n);
  std::vector<float> whole(n);
  for (std::size_t i = 0; i < n; ++i) {
    const RowPlace& place = rows.place[i];
    offset[i] = static_cast<std::int64_t>(place.offset);
    line[i] = place.line;
    user[i] = static_cast<std::int64_t>(place.user);
    arrival[i] = place.arrival_ms;
    request[i] = static_cast<std::int64_t>(RequestOf(place));
    whole[i] = place.whole;
  }
  OutBatch batch;
  batch.Add("objective", rows.objective);
  batch.Add("line", std::move(line));
  for (std::size_t k = 0; k < columns; ++k) {
    std::vector<float> values(n);
    for (std::size_t i = 0; i < n; ++i) values[i] = rows.features[i * columns + k];
    batch.Add(plan.features()->features[k].view->spec().name, std::move(values));
  }
  batch.Add("label", rows.label);
  batch.Add("user", std::move(user));
  batch.Add("arrival_ms", std::move(arrival));
  batch.Add("log_offset", std::move(offset));
  batch.Add("request", std::move(request));
  batch.Add("whole_label", std::move(whole));
  return batch;
}

void BindPlan(nb::module_& m) {
  nb::class_<Plan>(m, "Plan")
      .def("__init__", [](Plan* self, const std::string& toml, std::int64_t from_ms, std::int64_t to_ms,
                          bool labels) { new (self) Plan{Get(ReplayPlan::Make(toml, from_ms, to_ms, labels))}; })
      .def("add",
           [](const Plan& p, const nb::object& batch) {
             WithBatch(batch, [&](const BatchView& view) {
               ForEachRecord(view, [&](const LogRecord& r) { p.plan->Add(r); });
             });
           })
      .def("set_end_ms", [](const Plan& p, std::int64_t end_ms) { p.plan->set_end_ms(end_ms); })
      .def("set_epoch_starts",
           [](const Plan& p, const nb::object& batch) {
             WithBatch(batch, [&](const BatchView& view) {
               p.plan->SetEpochStarts({view.Integers("log_offset"), view.rows()},
                                      {view.Integers("arrival_ms"), view.rows()});
             });
           })
      .def("groups",
           [](const Plan& p, const nb::object& batch) {
             std::vector<std::int64_t> groups;
             WithBatch(batch, [&](const BatchView& view) {
               ForEachRecord(view, [&](const LogRecord& r) {
                 groups.push_back(static_cast<std::int64_t>(p.plan->GroupOf(r.event)));
               });
             });
             OutBatch out;
             out.Add("group", std::move(groups));
             return out;
           })
      .def_prop_ro("needed_types", [](const Plan& p) { return TypeNames(p.plan->needed_types()); })
      .def_prop_ro("catalogue_types", [](const Plan& p) { return TypeNames(p.plan->catalogue_types()); })
      .def_prop_ro("fingerprint", [](const Plan& p) { return std::to_string(p.plan->features()->fingerprint); })
      .def_prop_ro("columns",
                   [](const Plan& p) {
                     std::vector<std::string> names;
                     for (const BoundFeature& f : p.plan->features()->features) names.push_back(f.view->spec().name);
                     return names;
                   })
      .def_prop_ro("objectives",
                   [](const Plan& p) {
                     std::vector<std::string> names;
                     for (const ObjectiveConfig& o : p.plan->objectives()) names.push_back(o.name);
                     return names;
                   })
      .def_prop_ro("early", [](const Plan& p) {
        std::vector<bool> early;
        for (const ObjectiveConfig& o : p.plan->objectives()) early.push_back(o.early_window_ms > 0);
        return early;
      });
}

void BindEpochs(nb::module_& m) {
  constexpr std::size_t kOpenEpochs = 1000;  // More are given in parts.
  nb::class_<Catalogue>(m, "Catalogue")
      .def(nb::init<const Plan&>())
      .def("push",
           [](Catalogue& c, const nb::object& batch) {
             std::vector<EpochDelta> out;
             WithBatch(batch, [&](const BatchView& view) {
               ForEachRecord(view, [&](const LogRecord& r) { c.fold.Add(r); });
               if (c.fold.open_epochs() > kOpenEpochs) out = c.fold.Take();
             });
             return OfEpochs(out);
           })
      .def("finish", [](Catalogue& c) {
        std::vector<EpochDelta> out = c.fold.Take();
        return OfEpochs(out);
      });
  nb::class_<Merge>(m, "Merge")
      .def(nb::init<const Plan&>())
      .def("push",
           [](Merge& self, const nb::object& batch) {
             std::vector<EpochDelta> out;
             WithBatch(batch, [&](const BatchView& view) {
               const std::int64_t* ends = view.Integers("epoch_end_ms");
               const BatchView::Bytes deltas = view.Binary("delta");
               for (std::size_t i = 0; i < view.rows(); ++i) Check(self.merge.Add(ends[i], deltas[i], &out));
             });
             return OfEpochs(out);
           })
      .def("finish", [](Merge& self) {
        std::vector<EpochDelta> out;
        self.merge.Finish(&out);
        return OfEpochs(out);
      });
  nb::class_<Lines>(m, "Lines")
      .def(nb::init<const Plan&, const std::string&>())
      .def("push",
           [](Lines& self, const nb::object& batch) {
             std::vector<EpochDelta> out;
             WithBatch(batch, [&](const BatchView& view) {
               ForEachRecord(view, [&](const LogRecord& r) { Check(self.fold.Add(r, &out)); });
             });
             return OfEpochs(out);
           })
      .def("finish", [](Lines& self) {
        std::vector<EpochDelta> out;
        Check(self.fold.Finish(&out));
        return OfEpochs(out);
      });
}

}  // namespace
}  // namespace gfr

NB_MODULE(_rows, m) {
  using namespace gfr;
  nb::class_<OutBatch>(m, "Batch")
      .def("__len__", &OutBatch::rows)
      .def("__arrow_c_schema__",
           [](const OutBatch& b) {
             auto schema = std::make_unique<ArrowSchema>();
             b.Export(schema.get());
             return Capsule(std::move(schema), "arrow_schema");
           })
      .def(
          "__arrow_c_array__",
          [](const OutBatch& b, const nb::object&) {
            auto schema = std::make_unique<ArrowSchema>();
            b.Export(schema.get());
            nb::object first = Capsule(std::move(schema), "arrow_schema");
            auto array = std::make_unique<ArrowArray>();
            b.Export(array.get());
            return nb::make_tuple(first, Capsule(std::move(array), "arrow_array"));
          },
          nb::arg("requested_schema") = nb::none());
  BindPlan(m);
  BindEpochs(m);
  nb::class_<Rows>(m, "Rows")
      .def(nb::init<const Plan&, const std::string&, const std::string&>())
      .def("push",
           [](Rows& self, const nb::object& batch) {
             WithBatch(batch, [&](const BatchView& view) {
               const std::int64_t *offset = view.Integers("log_offset"), *arrival_ms = view.Integers("arrival_ms");
               const BatchView::Bytes encoded = view.Binary("record");
               for (std::size_t i = 0; i < view.rows(); ++i)
                 Check(self.rows.Add(static_cast<std::uint64_t>(offset[i]), arrival_ms[i], encoded[i]));
             });
           })
      .def("read",
           [](Rows& self, std::size_t enough) -> std::optional<OutBatch> {
             const nb::gil_scoped_release release;
             PartitionRows::Rows rows;
             const bool any = Get(self.rows.Read(enough, &rows));
             return any ? std::optional(OfRows(*self.plan, rows)) : std::nullopt;
           })
      .def_prop_ro("dropped", [](const Rows& self) {
        return std::map<std::string, std::uint64_t>(self.rows.dropped().begin(), self.rows.dropped().end());
      });
}
