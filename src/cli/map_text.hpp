// Maps, globals and events as tables for people.
#pragma once

#include <string>

#include <skep/object.hpp>

#include "cli/map_view.hpp"
#include "cli/run_session.hpp"
#include "cli/terminal.hpp"

namespace skep::cli {

/// Choices of all three: how much to show, and in which tones.
struct Look {
  Paint paint;
  bool all = false;
};

/// The map with its heading; struct keys and values have a column for each member.
[[nodiscard]] std::string map_text(const Object& object, const Map& map, const Look& look);
/// All sections of global variables, "name = value"; empty when there are none.
[[nodiscard]] std::string globals_text(const Object& object, const Look& look);
/// The records of a ring buffer.
[[nodiscard]] std::string events_text(const Object& object, const EventLog& log, const Look& look);

}  // namespace skep::cli
