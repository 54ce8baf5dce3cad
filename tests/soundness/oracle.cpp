// The run is followed in all states at once that it can be in; one is enough, and mostly there is one.
#include "soundness/oracle.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "soundness/containment.hpp"

namespace skep::soundness {
namespace {

class Follower {
 public:
  Follower(const History& history, const Trace& trace, const Surroundings& around)
      : history_(history), trace_(trace), around_(around) {}

  std::string run() {
    const std::vector<Demand> wanted = demands(trace_);
    candidates_ = {history_.main_walk().root};
    for (std::size_t i = 0; i < trace_.moments.size(); ++i) {
      const Moment& moment = trace_.moments[i];
      if (i > 0) go_on(trace_.moments[i - 1], moment);
      if (auto wrong = keep_those_that_hold(moment, wanted[i]); !wrong.empty())
        return fmt::format("step {}, insn {}: {}", i, moment.pc, wrong);
    }
    return {};
  }

 private:
  /// The walk over a function, and where the walk over its caller has got to.
  struct Waiting {
    std::vector<std::uint32_t> candidates;
    Base base;
  };

  void go_on(const Moment& before, const Moment& now) {
    const bool calls = now.depth > before.depth;
    if (const WalkRecord* walk = calls ? history_.function_walk(now.pc) : nullptr; walk != nullptr) {
      outer_.push_back({std::move(candidates_), base_});
      candidates_ = {walk->root};
      base_ = {before.depth, static_cast<std::uint32_t>(before.records.size())};
      return;
    }
    if (now.depth <= base_.frames) {
      candidates_ = std::move(outer_.back().candidates);
      base_ = outer_.back().base;
      outer_.pop_back();
    }
    move_on({now.pc, now.depth - base_.frames});
  }

  void move_on(Meeting to) {
    std::vector<std::uint32_t> next;
    const auto take = [&](std::uint32_t index) { add(next, index, to); };
    for (const std::uint32_t candidate : candidates_) {
      const WalkStep& step = history_.step(candidate);
      std::for_each(step.next.begin(), step.next.end(), take);
      if (std::find(step.covered.begin(), step.covered.end(), to) == step.covered.end()) continue;
      const auto& kept = history_.kept(step, to);
      std::for_each(kept.begin(), kept.end(), take);
    }
    std::sort(next.begin(), next.end());
    next.erase(std::unique(next.begin(), next.end()), next.end());
    candidates_ = std::move(next);
  }

  /// A number that is one of two constants is walked as either, from its instruction anew: then both are where it is.
  void add(std::vector<std::uint32_t>& steps, std::uint32_t index, Meeting to) const {
    const WalkStep& step = history_.step(index);
    if (step.at != to || step.speculative) return;
    steps.push_back(index);
    constexpr unsigned kClass = 7, kAlu32 = 4, kAlu64 = 7;
    const unsigned cls = around_.program.insns[to.pc].opcode & kClass;
    if (cls != kAlu32 && cls != kAlu64) return;
    for (const std::uint32_t again : step.next) add(steps, again, to);
  }

  std::string keep_those_that_hold(const Moment& moment, const Demand& demand) {
    std::string why = "the verifier never came here this way";
    std::erase_if(candidates_, [&](std::uint32_t candidate) {
      std::string wrong = find_outside(history_, history_.step(candidate), moment, demand, around_, base_);
      if (wrong.empty()) return false;
      why = std::move(wrong);
      return true;
    });
    return candidates_.empty() ? why : std::string{};
  }

  const History& history_;
  const Trace& trace_;
  const Surroundings& around_;
  std::vector<std::uint32_t> candidates_;
  std::vector<Waiting> outer_;
  Base base_;
};

}  // namespace

std::string find_violation(const History& history, const Trace& trace, const Surroundings& around) {
  if (trace.ending == Ending::faulted) return trace.fault;
  if (trace.ending == Ending::finished && !trace.left.empty())
    return fmt::format("{} records are held at the end", trace.left.size());
  return Follower(history, trace, around).run();
}

}  // namespace skep::soundness
