// Helpers of an application's own: a number, a prototype and a function, callable from programs like Linux' helpers.
//
// The prototype is what makes them safe: in guarded runs (and, with the verifier, before the run) every pointer argument
// is checked against what the prototype says before the function is entered.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <skep/context.hpp>
#include <skep/host.hpp>

namespace skep {

/// What a helper's function sees of the run that calls it. Valid during the call, on the calling thread.
class HelperCall {
 public:
  [[nodiscard]] virtual Host& host() noexcept = 0;
  [[nodiscard]] virtual Context& context() noexcept = 0;
  /// The CPU this run holds (see Host::acquire_cpu).
  [[nodiscard]] virtual unsigned cpu() noexcept = 0;

  /// The memory [address, address + size) when this run may read (write) it, otherwise null.
  [[nodiscard]] virtual const std::byte* readable(std::uint64_t address, std::uint64_t size) noexcept = 0;
  [[nodiscard]] virtual std::byte* writable(std::uint64_t address, std::uint64_t size) noexcept = 0;

  /// Runs a function of the program (`function` is the value of an Arg::callback argument) and stores its r0. False when
  /// the run has ended in a fault meanwhile: return at once, the value does not matter.
  [[nodiscard]] virtual bool call_back(std::uint64_t function, const std::array<std::uint64_t, 5>& args,
                                       std::uint64_t& r0) = 0;

 protected:
  ~HelperCall() = default;
};

/// One argument of an application helper.
enum class HelperArg : std::uint8_t {
  none,          ///< not used
  scalar,        ///< any number
  context,       ///< the context pointer
  map,           ///< a map
  memory,        ///< readable bytes; the next argument must be `size`
  memory_out,    ///< writable bytes; the next argument must be `size`
  size,          ///< how many bytes the argument before points to; may be 0
  c_string,      ///< a NUL-terminated readable string
  callback,      ///< a function of the program
};

struct HelperSpec {
  std::uint32_t id = 0;  ///< as in the call instruction; 0x10000 and above never meet one of Linux'
  std::string name;
  std::array<HelperArg, 5> args{};
  /// Gets r1 to r5, returns r0. Called on the thread of the run; must not throw; a throw ends the run with a fault.
  std::function<std::uint64_t(HelperCall& call, const std::array<std::uint64_t, 5>& args)> function;
};

}  // namespace skep
