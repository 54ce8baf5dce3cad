// skep link: several objects into one file. Nothing is written when they cannot be linked.
#include <skep/link.hpp>

#include "cli/exit_code.hpp"
#include "cli/input.hpp"
#include "cli/verbs.hpp"

namespace skep::cli {

int link(const LinkOptions& options) {
  std::vector<std::vector<std::byte>> contents;
  std::vector<LinkInput> inputs;
  contents.reserve(options.objects.size());
  for (const std::string& path : options.objects) {
    auto bytes = read_input(path);
    if (!bytes) return give_up(bytes.error());
    contents.push_back(*std::move(bytes));
    inputs.push_back({contents.back(), file_name(path)});
  }
  const auto linked = skep::link(inputs);
  if (!linked) return give_up(linked.error());
  const std::string_view bytes(reinterpret_cast<const char*>(linked->data()), linked->size());
  if (auto done = write_output(options.output, bytes); !done) return give_up(done.error());
  return exit_ok;
}

}  // namespace skep::cli
