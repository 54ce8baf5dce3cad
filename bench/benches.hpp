// What the files of this folder register with Google Benchmark.
#pragma once

namespace skep::bench {

void register_loads();       ///< load/<object>
void register_compiles();    ///< compile/an instruction of <size>
void register_maps();        ///< map/<kind>/<op>, ringbuf/output+consume
void register_operations();  ///< op/<operation>

}  // namespace skep::bench
