// Someone who watches a walk: to explain a path, to count, to compare with what a run does. Null in ordinary use.
#pragma once

#include <cstdint>

namespace skep::verifier {

class Walk;
struct Finding;

/// Called from inside verify(), on its thread. What it is shown is only valid during the call. Paths put aside are
/// taken up again last in, first out.
class Observer {
 public:
  virtual ~Observer() = default;
  /// A walk over the program, or over one of its global functions, begins.
  virtual void begin(const Walk& /*walk*/) {}
  /// The path at hand has come to `pc`; whether it goes on there is not decided yet.
  virtual void arrive(const Walk& /*walk*/, std::uint32_t /*pc*/) {}
  /// The walk's state is about to move over the instruction at `pc`.
  virtual void step(const Walk& /*walk*/, std::uint32_t /*pc*/) {}
  /// At `pc` a second way on was put aside, to go on at `to`.
  virtual void put_aside(const Walk& /*walk*/, std::uint32_t /*pc*/, std::uint32_t /*to*/) {}
  /// The path at hand has ended; `covered`: because an explored state covers it.
  virtual void end_path(const Walk& /*walk*/, bool /*covered*/) {}
  /// The path at hand ends here, for this reason. It is its last step that is to blame, but for findings about what the
  /// path has become (too long, endless).
  virtual void found(const Walk& /*walk*/, const Finding& /*finding*/) {}
  /// The path put aside last is taken up.
  virtual void resume(const Walk& /*walk*/) {}
  /// The walk is over: no path is left, or enough is found.
  virtual void end(const Walk& /*walk*/) {}
};

}  // namespace skep::verifier
