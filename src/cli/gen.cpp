// skep gen skeleton: makes source files of objects.
#include <fmt/format.h>

#include "btf/c_names.hpp"
#include "cli/exit_code.hpp"
#include "cli/input.hpp"
#include "cli/object_facts.hpp"
#include "cli/skeleton.hpp"
#include "cli/verbs.hpp"

namespace skep::cli {

int gen_skeleton(const SkeletonOptions& options) {
  const std::string name = options.name.value_or(skeleton_name(file_name(options.object)));
  if (name != btf::c_identifier(name, btf::CLanguage::cpp))
    return give_up(exit_usage, fmt::format("name: '{}' cannot be a namespace's", printable(name)));
  const auto bytes = read_input(options.object);
  if (!bytes) return give_up(bytes.error());
  const auto object = parse_spec(*bytes, options.object, std::nullopt);
  if (!object) return give_up(object.error());
  const auto text = skeleton_text(*object, *bytes, name);
  if (!text) return give_up(text.error());
  const auto written = write_output(options.output.value_or("-"), *text);
  return written ? exit_ok : give_up(written.error());
}

}  // namespace skep::cli
