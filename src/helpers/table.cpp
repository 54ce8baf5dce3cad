// Finding a helper's code by id, among the rows that the families list.
#include <array>

#include "helpers/family.hpp"

namespace skep::helpers {

Builtin builtin(std::uint32_t id) noexcept {
  static constexpr std::array kFamilies{map_rows,   ringbuf_rows, perf_rows, print_rows, time_rows, task_rows,  random_rows,
                                        probe_rows, xdp_rows,     csum_rows,  loop_rows, string_rows};
  for (const auto family : kFamilies)
    for (const Row& row : family())
      if (static_cast<std::uint32_t>(row.id) == id) return row.code;
  return nullptr;
}

}  // namespace skep::helpers
