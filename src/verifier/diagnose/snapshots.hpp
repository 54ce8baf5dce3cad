// States at chosen steps of a verification, taken while it is repeated: verification is deterministic.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>

#include "verifier/observer.hpp"
#include "verifier/walk.hpp"

namespace skep::verifier {

class Snapshots : public Observer {
 public:
  /// The state before the step whose serial this is (see Mark) is wanted.
  void want(std::uint32_t serial) { wanted_.insert(serial); }

  void step(const Walk& walk, std::uint32_t /*pc*/) override {
    if (!wanted_.contains(walk.stats.processed)) return;
    State& state = states_[walk.stats.processed];
    state = walk.state;
    pools_.insert(walk.pools);
    state.parent = nullptr;  // does not outlive the walk
  }

  /// Null when the step was not come by.
  [[nodiscard]] const State* find(std::uint32_t serial) const {
    const auto found = states_.find(serial);
    return found == states_.end() ? nullptr : &found->second;
  }

 private:
  std::set<std::uint32_t> wanted_;
  std::set<std::shared_ptr<Pools>> pools_;  ///< what the states are made of
  std::map<std::uint32_t, State> states_;
};

}  // namespace skep::verifier
