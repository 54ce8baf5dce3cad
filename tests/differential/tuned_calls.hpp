// Calls in the midst of what compilers write: what is put off before one and needed behind it. And numbers put
// together.
#pragma once

#include <utility>
#include <vector>

#include "differential/tuned_writer.hpp"

namespace skep::differential {

class TunedCalls : protected TunedWriter {
 protected:
  using TunedWriter::TunedWriter;

  /// Calls a function of the program, or looks into a map, with values on the way to registers that outlive that.
  void append_call();
  /// A number put together from bytes of memory, in the order that compilers come up with, or nearly so.
  void append_bytes(Reg base);
  /// The functions that were called; behind the program's exit.
  void append_functions();

 private:
  static constexpr std::size_t kFunctions = 3;

  void become_number(Reg reg);
  void move_across();
  void call_function(std::size_t function);
  void look_up();
  void append_function(std::size_t function);

  std::vector<std::pair<std::size_t, std::size_t>> calls_;  // where, and which function
};

}  // namespace skep::differential
