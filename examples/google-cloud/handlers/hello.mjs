export default (config) => ({ greeted: config.name });
