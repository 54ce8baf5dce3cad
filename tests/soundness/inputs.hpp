// What accepted programs are run on: contexts, maps and a host whose every number comes out of a seed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include <skep/context.hpp>
#include <skep/host.hpp>
#include <skep/map.hpp>
#include <skep/types.hpp>

namespace skep::soundness {

/// The context there is for a type of program.
enum class ContextKind { none, xdp, skb, bytes };
[[nodiscard]] ContextKind context_kind(ProgType type) noexcept;

class Inputs {
 public:
  Inputs();

  [[nodiscard]] const std::shared_ptr<Host>& host() const { return host_; }
  /// Fills the maps, starts the host afresh, and hands `use` a context for programs of `type`: all as `seed` makes
  /// them. Not called for types without a context.
  void with_context(ProgType type, std::span<const Map> maps, std::uint64_t seed,
                    const std::function<void(Context&)>& use);

 private:
  std::shared_ptr<Host> host_;
  std::function<void(std::uint64_t)> start_;
};

}  // namespace skep::soundness
