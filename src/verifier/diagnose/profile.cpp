// Counting while watching the walk. Where paths meet, the state is compared with the one that was there before.
#include "verifier/diagnose/profile.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>

#include <fmt/format.h>

#include "verifier/diagnose/describe.hpp"
#include "verifier/observer.hpp"
#include "verifier/walk.hpp"

namespace skep::verifier {
namespace {

bool same_value(const Register& a, const Register& b) {
  return a.kind == b.kind && a.flags == b.flags && a.target == b.target && a.off == b.off && a.size == b.size &&
         a.num() == b.num();
}

/// The first live register or slot of the running frame that differs; nothing when they agree, or frames do not match.
std::optional<Spot> difference(const Walk& walk, const State& was, const State& now) {
  if (was.depth() != now.depth()) return {};
  const unsigned frame = now.depth() - 1;
  const std::uint16_t live = walk.graph.at(now.pc).live;
  for (unsigned i = 0; i < isa::kFramePointer; ++i)
    if ((live >> i & 1) != 0 && !same_value(was.reg(i), now.reg(i))) return Spot::reg(frame, i);
  const auto& before = was.top().stack;
  const auto& after = now.top().stack;
  for (unsigned i = 0; i < std::min(before.size(), after.size()); ++i) {
    const bool both = before[i].is_spill() && after[i].is_spill();
    if (before[i].bytes != after[i].bytes || (both && !same_value(before[i].spilled, after[i].spilled)))
      return Spot{static_cast<std::uint8_t>(frame), true, static_cast<std::uint8_t>(i)};
  }
  return {};
}

class Profile : public Observer {
 public:
  explicit Profile(const Input& input) : input_(input), rows_(input.program->insns.size()) {}

  void step(const Walk& walk, std::uint32_t pc) override {
    ++rows_[pc].processed;
    if (!walk.graph.at(pc).prune_point) return;
    pools_.insert(walk.pools);
    const auto [before, is_new] = seen_.try_emplace(pc, walk.state);
    if (is_new) return forget_parent(before->second);
    ++rows_[pc].missed;
    if (const auto spot = difference(walk, before->second, walk.state)) note(pc, *spot, before->second, walk.state);
    before->second = walk.state;
    forget_parent(before->second);
  }

  void end_path(const Walk& walk, bool covered) override {
    if (covered) ++rows_[walk.state.pc].covered;
  }

  std::vector<ProfileRow> take() {
    std::vector<ProfileRow> reached;
    for (std::uint32_t pc = 0; pc < rows_.size(); ++pc) {
      ProfileRow& row = rows_[pc];
      if (row.processed + row.covered == 0) continue;
      row.pc = pc;
      if (const auto reasons = reasons_.find(pc); reasons != reasons_.end()) row.why = most_frequent(reasons->second);
      reached.push_back(std::move(row));
    }
    return reached;
  }

 private:
  struct Reason {
    std::uint64_t count = 0;
    std::string text;  ///< the last time
  };
  using Reasons = std::map<std::string, Reason>;

  static void forget_parent(State& state) { state.parent = nullptr; }

  void note(std::uint32_t pc, Spot spot, const State& was, const State& now) {
    Reason& reason = reasons_[pc][name_of(spot)];
    // Text costs more than the walk: every time at first, then rarely.
    constexpr std::uint64_t kOften = 16, kRarely = 1024;
    if (++reason.count > kOften && reason.count % kRarely != 0) return;
    reason.text =
        fmt::format("{}: {}, before {}", name_of(spot), describe(spot, now, input_), describe(spot, was, input_));
  }

  static std::string most_frequent(const Reasons& reasons) {
    const auto most = std::max_element(reasons.begin(), reasons.end(),
                                       [](const auto& a, const auto& b) { return a.second.count < b.second.count; });
    return most->second.text;
  }

  const Input& input_;
  std::vector<ProfileRow> rows_;
  std::set<std::shared_ptr<Pools>> pools_;  ///< what the states are made of
  std::unordered_map<std::uint32_t, State> seen_;
  std::unordered_map<std::uint32_t, Reasons> reasons_;
};

}  // namespace

std::vector<ProfileRow> profile(const Input& input) {
  Profile watcher(input);
  Input watched = input;
  watched.observer = &watcher;
  (void)verify(watched);
  return watcher.take();
}

}  // namespace skep::verifier
