// What the files of this folder register, and the comparison that comes first.
#pragma once

namespace skep::bench {

/// Runs every program on every engine a few times; false, with a line on stderr for each, when two results differ.
[[nodiscard]] bool engines_agree();

void register_runs();   ///< run/<program>/<engine>
void register_loads();  ///< load/<object>
void register_maps();   ///< map/<kind>/<op>, ringbuf/output+consume

}  // namespace skep::bench
