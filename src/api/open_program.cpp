// Settings of programs. Programs are immutable and may be shared, so a setting makes a changed copy.
#include <cerrno>

#include <skep/open_object.hpp>

#include "api/open_data.hpp"

namespace skep {

template <class Change>
Result<void> OpenProgram::change(Change apply) const {
  ObjectData& object = *owner_->object;
  if (owner_->loaded) return fail(ErrorCode::exists, object.spec.name, "is loaded already", EBUSY);
  auto changed = std::make_shared<program::Program>(*object.spec.programs[index_]);
  apply(*changed);
  object.spec.programs[index_] = std::move(changed);
  return {};
}

const std::string& OpenProgram::name() const { return owner_->object->spec.programs[index_]->name; }
const std::string& OpenProgram::section() const { return owner_->object->spec.programs[index_]->section; }
ProgType OpenProgram::type() const { return owner_->object->spec.programs[index_]->type; }
bool OpenProgram::autoload() const { return owner_->object->spec.programs[index_]->autoload; }

Result<void> OpenProgram::set_autoload(bool load) const {
  return change([load](program::Program& program) { program.autoload = load; });
}

Result<void> OpenProgram::set_type(ProgType type) const {
  return change([type](program::Program& program) { program.type = type; });
}

}  // namespace skep
