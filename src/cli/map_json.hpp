// Maps, globals and events as JSON. Entries have the form that --map reads.
#pragma once

#include "cli/run_session.hpp"
#include "cli/value_json.hpp"

namespace skep::cli {

/// {"name", "type", "max_entries", "entries": [{"key", "value"} or {"key", "values": [one a CPU], "sum"}]}.
[[nodiscard]] Json map_json(const Object& object, const Map& map, bool zeros);
/// [{"name", "section", "value"}].
[[nodiscard]] Json globals_json(const Object& object);
/// {"map", "count", "records"}.
[[nodiscard]] Json events_json(const Object& object, const EventLog& log);

}  // namespace skep::cli
