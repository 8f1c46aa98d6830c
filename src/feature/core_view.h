// CoreView: a FeatureView made of a core, the few inline functions that say what a state is. Stream, request and replay
// all run these functions, replay without a virtual call a row: their values are equal by construction.
//
// A core has
//   void  Fold(const EventLine&, std::byte* state) const
//   void  Merge(const std::byte* from, std::byte* into) const
//   float Read(const std::byte* state, std::int64_t t_ms) const
//   float Empty() const                                       the value of an entity never seen
// and, where reads at one time share work, ReadAt(t_ms): a function of a state, of equal values
//   void  Reset(std::byte* state) const                       bytes that hold anything become a new state
//   void  Advance(std::int64_t t_ms, std::byte* state) const  before a read at t_ms, where no earlier read follows
// where a batch can be faster than row by row, Replay(const ReplayRows&, std::byte* state, Column out) const, of equal
// values; and where shared state is more than a merge of epochs, kSeals = true and Seal(delta, epoch_end_ms, state).
#pragma once

#include <utility>

#include "feature/replay_rows.h"

namespace gfr {

// One entity's rows [begin, end), each read and then folded.
template <class Core>
void ReplayEntity(const Core& core, const ReplayRows& rows, std::size_t begin, std::size_t end, std::byte* state,
                  Column out) {
  core.Reset(state);
  for (std::size_t i = begin; i < end; ++i) {
    if (rows.Reads(i)) {
      core.Advance(rows.now_ms[i], state);
      out[i] = core.Read(state, rows.now_ms[i]);
    }
    core.Fold(rows.Line(i), state);
  }
}

template <class Core>
class CoreView final : public FeatureView {
 public:
  CoreView(FeatureSpec spec, Core core) : FeatureView(std::move(spec)), core_(std::move(core)) {}

  void Fold(const EventLine& line, std::byte* state) const noexcept override { core_.Fold(line, state); }
  void Merge(const std::byte* from, std::byte* into) const noexcept override { core_.Merge(from, into); }
  void Seal(const std::byte* delta, std::int64_t epoch_end_ms, std::byte* state) const noexcept override {
    if constexpr (requires { core_.Seal(delta, epoch_end_ms, state); }) {
      core_.Seal(delta, epoch_end_ms, state);
    } else {
      core_.Merge(delta, state);
    }
  }
  void Read(const ReadContext& c, const StateRows& states, Column out) const noexcept override {
    const std::int64_t t_ms = spec_.scope == Scope::kShared ? c.epoch_end_ms : c.now_ms;
    const auto read = [&] {
      if constexpr (requires { core_.ReadAt(t_ms); }) {
        return core_.ReadAt(t_ms);
      } else {
        return [this, t_ms](const std::byte* state) { return core_.Read(state, t_ms); };
      }
    }();
    const float empty = core_.Empty();
    for (std::size_t i = 0; i < c.items.size(); ++i) {
      const std::byte* state = states.rows[i];
      PrefetchState(states.rows, i, spec_.state_bytes);
      if (i > 0 && state == states.rows[i - 1]) {
        out[i] = out[i - 1];
      } else {
        out[i] = state ? read(state) : empty;
      }
    }
  }
  void Replay(const ReplayRows& rows, std::byte* state, Column out) const noexcept override {
    const Core core = core_;  // A copy that nothing written below can alias.
    if constexpr (requires { core.Replay(rows, state, out); }) {
      core.Replay(rows, state, out);
    } else {
      std::size_t i = 0;
      for (const std::uint32_t end : rows.ends) {
        ReplayEntity(core, rows, i, end, state, out);
        i = end;
      }
    }
  }

 private:
  const Core core_;
};

}  // namespace gfr
